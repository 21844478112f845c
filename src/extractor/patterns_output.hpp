#pragma once

#include "kexp/extractor/patterns.hpp"

namespace kexp::extractor {

/// Writes patterns.csv, replacing it. Errors: FailedError naming the file.
void write_patterns(const Patterns& patterns);

}  // namespace kexp::extractor
