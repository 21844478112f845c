#pragma once

/// Samples as Prometheus stored them: every one, to the millisecond and the bit (the remote read API).
///
/// A query answers on a grid, repeats values and leaves out the marks of a series' end; this does none of it.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kexp/prom/selector.hpp"

namespace kexp::prom {

/// In the order of the names; the metric's own name is not among them.
using Labels = std::map<std::string, std::string>;

/// `length` buckets in a row, `offset` buckets after the last of the span before (of the first: its index).
struct BucketSpan {
  std::int32_t offset = 0;
  std::uint32_t length = 0;
  bool operator==(const BucketSpan&) const = default;
};

/// Where the buckets of a native histogram lie.
struct HistogramLayout {
  /// 2^(2^-schema) between bounds; -53: the bounds are `custom_bounds`.
  std::int32_t schema = 0;
  double zero_threshold = 0;
  std::vector<BucketSpan> positive, negative;
  std::vector<double> custom_bounds;
  bool operator==(const HistogramLayout&) const = default;
};

/// A sample that is a native histogram.
struct Histogram {
  enum class Counts { integer, floating };
  /// Whether the counters began anew between the sample before and this one.
  enum class Reset { unknown, yes, no, gauge };

  std::int64_t ts_ms = 0;
  Counts counts = Counts::integer;
  Reset reset = Reset::unknown;
  double count = 0, zero_count = 0, sum = 0;  ///< Integer counts are exact up to 2^53.
  std::vector<double> positive, negative;     ///< Of each bucket alone, as many as the spans have.
  std::shared_ptr<const HistogramLayout> layout;
};

/// Samples of one series, in the order of time, valid until the sink returns.
struct SeriesPart {
  const std::string& metric;
  const Labels& labels;
  /// Whether the part before was of this series too. After parts of other series a series may come again,
  /// with later samples, where the window was read in stretches: who collects a series goes by its name and
  /// labels.
  bool continues = false;
  std::span<const std::int64_t> ts_ms;  ///< Unix time, of each value.
  std::span<const double> values;       ///< NaN and infinities as they were stored.
  std::span<const std::int64_t>
      ended_ms;  ///< When the series was marked as ended (stale); these are no values.
  std::span<const Histogram> histograms;
};

/// Who receives what is read. What it throws ends the reading and is thrown on.
class SeriesSink {
 public:
  virtual ~SeriesSink() = default;
  /// Everything received so far is void: reading begins again, after a failure in the middle.
  virtual void restart() = 0;
  virtual void receive(const SeriesPart& part) = 0;
};

struct ReadQuery {
  std::string metric;  ///< Empty: of any name, as the selectors say.
  /// A series of any of them is read, once; none of them: every series of the metric.
  std::vector<Selector> selectors;
  std::int64_t start_ms = 0;  ///< Unix time, both ends included.
  std::int64_t end_ms = 0;
  /// What the server adds to every series that it hands out (Client::external_labels); taken out again.
  Labels external_labels;
};

struct ReadResult {
  std::uint64_t samples = 0;
  std::uint64_t ends = 0;
  std::uint64_t histograms = 0;
  std::uint64_t bytes = 0;  ///< Of all answers, as they came.
  /// Whether the server had to decode chunks for us: their encoding is not known here, or they overlap.
  /// Prometheus 2.42 leaves native histograms out then.
  bool decoded_by_server = false;
};

}  // namespace kexp::prom
