#pragma once

/// What a dataset holds, for people and scripts.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/json_fwd.hpp"

namespace kexp::dataset {

struct DatasetInfo {
  std::vector<std::string> sensors;
  std::uint64_t frames = 0;
  std::uint64_t images = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t min_bytes = 0;
  std::uint64_t max_bytes = 0;
  double median_bytes = 0;  ///< Of an even number of images the mean of the two in the middle.
  double mean_bytes = 0;
  double images_per_s_at_1_mbps = 0;             ///< What a peak of 1 MB/s (10^6 bytes) amounts to.
  std::map<std::string, std::uint64_t> formats;  ///< "jpeg", "png", "unknown".
  std::map<std::string, std::uint64_t> sizes;  ///< "768x576", as shown; "unreadable" where no header says it.
  std::string hash;
};

/// Reads the whole file once, in bounded memory, and decodes no more than the images' headers. Errors: those
/// of Dataset::read.
[[nodiscard]] DatasetInfo inspect(const std::filesystem::path& file, std::string_view flag);

/// {"sensors", "frames", "images", "bytes": {"total", "min", "median", "mean", "max"}, "formats", "sizes",
/// "images_per_s_at_1_mbps", "hash"}.
[[nodiscard]] Json to_json(const DatasetInfo& info);

/// The same as lines `name  value`.
[[nodiscard]] std::string to_text(const DatasetInfo& info);

}  // namespace kexp::dataset
