#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kexp/prom/client.hpp"

namespace kexp::extractor {

/// The samples of one metric, taken by time (as answers come) and given back by series (as files want
/// them). They lie in a nameless file, so that memory does not grow with the window.
///
/// Errors: FailedError naming the folder. Threads: one at a time per object.
class SampleStore {
 public:
  /// For series 0 to `series` − 1; the file lies in `folder`.
  SampleStore(const std::filesystem::path& folder, std::size_t series);
  SampleStore(const SampleStore&) = delete;
  SampleStore& operator=(const SampleStore&) = delete;
  ~SampleStore();

  /// Errors: FailedError also when a sample is not newer than the series' last one: it was there already.
  void append(std::size_t series, std::span<const prom::Sample> samples);
  [[nodiscard]] std::uint64_t count(std::size_t series) const;
  /// All samples of a series, in the order of time.
  [[nodiscard]] std::vector<prom::Sample> read(std::size_t series) const;

 private:
  struct Run {
    std::uint64_t offset;  ///< In samples, from the start of the file.
    std::uint64_t count;
  };

  std::filesystem::path folder_;
  int fd_ = -1;
  std::uint64_t size_ = 0;  ///< In samples.
  std::vector<std::vector<Run>> runs_;
  std::vector<std::int64_t> last_ms_;
};

}  // namespace kexp::extractor
