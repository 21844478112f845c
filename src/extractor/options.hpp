#pragma once

/// What the options of an extraction mean where they leave something open.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "kexp/extractor/extractor.hpp"
#include "kexp/prom/grid.hpp"
#include "kexp/prom/selector.hpp"

namespace kexp::extractor {

inline constexpr double kUsualStep_s = 5;

[[nodiscard]] std::chrono::milliseconds step_of(const ExtractorOptions& options);
/// Whether no server is read by remote read, whatever it has.
[[nodiscard]] bool by_query_only(const ExtractorOptions& options);
/// Of a file of the legacy format.
[[nodiscard]] std::chrono::seconds segment_of(const ExtractorOptions& options);
/// Of one range query.
[[nodiscard]] std::int64_t most_points(const ExtractorOptions& options);
/// Errors: UsageError naming --match.
[[nodiscard]] std::vector<prom::Selector> selectors_of(const ExtractorOptions& options);

/// The dataset's folder.
[[nodiscard]] std::filesystem::path place_of(const ExtractorOptions& options, const prom::Window& window);
/// The wide table's name from the dataset's folder on, where it is one of its files; else empty.
[[nodiscard]] std::filesystem::path wide_inside(const ExtractorOptions& options,
                                                const std::filesystem::path& place);

}  // namespace kexp::extractor
