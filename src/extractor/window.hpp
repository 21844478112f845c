#pragma once

#include "kexp/extractor/extractor.hpp"

namespace kexp::extractor {

/// The window that the options ask for, from the run where they do not say. Errors: UsageError naming
/// --start, --end or --run.
[[nodiscard]] prom::Window resolve_window(const ExtractorOptions& options, Log& log, WallTime now);

}  // namespace kexp::extractor
