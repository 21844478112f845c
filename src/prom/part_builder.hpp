#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kexp/prom/remote_read.hpp"

#include "wire.hpp"

namespace kexp::prom {

/// The chunks are not to be read here: of a kind that is not known, damaged, or overlapping. The server can
/// decode and merge them.
class ServerMustDecode : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// By which of several selectors a series was first found, so that it is taken once.
class SeenSeries {
 public:
  /// Whether the series is of this selector.
  [[nodiscard]] bool belongs(const std::string& series, std::size_t selector) {
    return first_.try_emplace(series, selector).first->second == selector;
  }

 private:
  std::map<std::string, std::size_t> first_;
};

/// Makes the parts that a sink receives out of the messages of one answer.
///
/// Samples outside of the window and second samples of one time are left out; marks of an end are set apart.
/// Memory: one part, about 2 MiB, and what a message adds to it.
class PartBuilder {
 public:
  /// `query`, `sink` and `result` outlive the builder; the latter two grow. `start_ms` and `end_ms` are the
  /// stretch of the window that was asked for.
  PartBuilder(const ReadQuery& query, std::int64_t start_ms, std::int64_t end_ms, SeriesSink& sink,
              ReadResult& result)
      : query_(query), start_ms_(start_ms), end_ms_(end_ms), sink_(sink), result_(result) {}

  /// Leaves out series that `seen` knows of another selector than this.
  void leave_out(SeenSeries& seen, std::size_t selector) {
    seen_ = &seen;
    selector_ = selector;
  }

  /// A message of a streamed answer (ChunkedReadResponse). Errors: ServerMustDecode.
  void read_chunks(std::span<const std::byte> message);
  /// A whole answer of samples (ReadResponse). Errors: BadAnswer.
  void read_samples(std::span<const std::byte> message);
  /// Hands over what is left.
  void flush();

 private:
  using LabelViews = std::vector<std::pair<std::string_view, std::string_view>>;

  void read_chunked_series(std::span<const std::byte> message);
  void read_chunk(std::span<const std::byte> message);
  void read_time_series(std::span<const std::byte> message);

  void begin_series(const LabelViews& labels);
  /// Tidies what was appended from here on.
  void keep_numbers(std::size_t from);
  void keep_histograms(std::size_t from);
  /// Whether a sample is to be kept, being the next after `last_ms`.
  [[nodiscard]] bool is_wanted(std::int64_t ts_ms, std::int64_t& last_ms) const;
  void flush_when_large();

  const ReadQuery& query_;
  std::int64_t start_ms_, end_ms_;
  SeriesSink& sink_;
  ReadResult& result_;
  SeenSeries* seen_ = nullptr;
  std::size_t selector_ = 0;

  std::string key_, next_key_;  ///< The labels as they came, one after the other.
  bool has_series_ = false, skipped_ = false, continues_ = false;
  std::string metric_;
  Labels labels_;
  std::int64_t last_number_ms_ = 0, last_histogram_ms_ = 0;
  std::vector<std::int64_t> ts_ms_, ended_ms_;
  std::vector<double> values_;
  std::vector<Histogram> histograms_;
};

}  // namespace kexp::prom
