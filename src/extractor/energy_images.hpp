#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace kexp::extractor {

/// Images whose first answer was made within a window.
struct ImageCounts {
  std::optional<std::int64_t> total;  ///< Nothing: nobody counted them.
  std::map<std::string, std::int64_t> by_pod;
  std::map<std::string, std::int64_t> by_node;
};

/// Counts the answers in results/ of `run`. Where no answers are sent, the total is what the consumers' group
/// has committed of the run, and nobody knows by whom. Lines that are no rows are left out, as in the
/// ledger. Errors: FailedError naming the file, also where there are only such lines.
[[nodiscard]] ImageCounts count_images(const std::filesystem::path& run, std::int64_t start_ms,
                                       std::int64_t end_ms);

}  // namespace kexp::extractor
