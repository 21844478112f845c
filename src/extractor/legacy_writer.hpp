#pragma once

#include "kexp/prom/grid.hpp"

#include "metric_writer.hpp"

namespace kexp::extractor {

/// Writes one metric as the JSON files of earlier tools: <metric>/<t1>-<t2>.json, each an answer of
/// Prometheus to a range query from t1 to t2 (Unix seconds). A file's t2 is the next one's t1; the point
/// there stands in the next one only. Each file appears when it is finished. Memory: 8 MiB.
///
/// Errors: FailedError naming the file. Threads: one at a time per object.
class LegacyWriter final : public MetricWriter {
 public:
  /// `metric` outlives the writer.
  LegacyWriter(const std::filesystem::path& folder, const PlannedMetric& metric, const prom::Window& window,
               std::chrono::seconds segment);
  ~LegacyWriter() override;

  void add(std::size_t series, const SeriesRows& rows) override;
  void restart() override;
  [[nodiscard]] WrittenMetric finish() override;

 private:
  /// One file.
  struct Segment {
    std::string name;  ///< Within the folder.
    std::string text;  ///< Not written yet.
    std::uint64_t rows = 0;
    bool has_series = false;
    bool in_series = false;
  };

  [[nodiscard]] Segment& segment_of(std::int64_t ts_ms);
  [[nodiscard]] std::filesystem::path part_of(const Segment& segment) const;
  void begin();
  void begin_series(Segment& segment, std::size_t series) const;
  void end_series();
  void write_out();

  const std::filesystem::path folder_;
  const PlannedMetric& metric_;
  const std::int64_t first_s_;
  const std::int64_t last_s_;
  const std::chrono::seconds length_;
  std::vector<Segment> segments_;
  std::size_t unwritten_ = 0;  ///< Bytes in all segments.
  std::size_t series_ = 0;
  WrittenMetric written_;
};

}  // namespace kexp::extractor
