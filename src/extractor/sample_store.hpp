#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "series_rows.hpp"

namespace kexp::extractor {

/// What was read of one metric, taken in any order of its series (as answers come) and given back by series
/// (as files want it). Samples lie in a nameless file, so that memory does not grow with the window;
/// histograms and ends, of which there are few, in memory.
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
  void append(std::size_t series, const SeriesRows& rows);
  /// Forgets everything.
  void clear();

  [[nodiscard]] std::size_t series() const { return series_.size(); }
  /// Hands over what there is of a series, in pieces in the order of time, each valid until `take` returns.
  void visit(std::size_t series, const std::function<void(const SeriesRows&)>& take) const;

 private:
  struct Run {
    std::uint64_t offset;  ///< In bytes, from the start of the file: the times, and then the values.
    std::size_t count;
  };
  struct Series {
    std::vector<Run> runs;
    std::vector<std::int64_t> ended_ms;
    std::vector<prom::Histogram> histograms;
    std::int64_t last_ms;
  };

  void write(std::span<const std::byte> bytes);
  void read(std::uint64_t offset, std::span<std::byte> bytes) const;

  std::filesystem::path folder_;
  int fd_ = -1;
  std::uint64_t size_ = 0;  ///< In bytes.
  std::vector<Series> series_;
};

}  // namespace kexp::extractor
