#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

namespace kexp::record {

/// A row of sends.csv: what became of one image. The texts live until the visit returns.
struct SendRow {
  std::string_view id;
  std::optional<std::int64_t> partition, offset;  ///< None where the broker gave none.
  /// acknowledged, failed:<NAME>, dropped or unknown.
  std::string_view status;

  [[nodiscard]] bool acknowledged() const { return status == "acknowledged"; }
};

/// Visits the rows of `run`/sends.csv, which need not be there; the number of lines that are no rows.
/// A last line that was torn when its writer was killed is left out. Errors: FailedError naming the file.
std::int64_t read_sends(const std::filesystem::path& run, const std::function<void(const SendRow&)>& visit);

}  // namespace kexp::record
