#pragma once

#include <cstdint>
#include <filesystem>
#include <map>

namespace kexp::tracker {

/// How many images the feeds of a run have had acknowledged so far, by their growing sends.csv.
class Acknowledged {
 public:
  explicit Acknowledged(std::filesystem::path run) : run_(std::move(run)) {}
  /// Reads what came since the last look. Errors: FailedError naming the file.
  void look();
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  void read_on(const std::filesystem::path& file);

  const std::filesystem::path run_;
  std::map<std::filesystem::path, std::uintmax_t> read_;  // Bytes of whole lines, by file.
  std::int64_t count_ = 0;
};

}  // namespace kexp::tracker
