#include "feed_report.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/file.hpp"

namespace kexp::feeder {
namespace {

constexpr double kSegmentTolerance = 0.01;
constexpr double kSegmentToleranceImages = 2;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

bool was_sent(const SendState& state) { return state.status != SendStatus::planned; }

/// Bytes, images and times of one stretch of a run.
struct Bucket {
  std::int64_t planned_bytes = 0, planned_images = 0;
  std::int64_t sent_bytes = 0, sent_images = 0;
  std::int64_t acknowledged_bytes = 0, acknowledged_images = 0, failed_images = 0;
  std::vector<double> lateness_ms, delivery_ms;
};

/// Nearest rank; sorts `values`. NaN when there is none.
double percentile(std::vector<double>& values, double p) {
  if (values.empty()) {
    return std::nan("");
  }
  const auto rank = static_cast<std::size_t>(std::ceil(p / 100 * static_cast<double>(values.size())));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

std::string cell(double value) { return std::isnan(value) ? "" : fmt::format("{:.3f}", value); }

constexpr std::string_view kBucketColumns =
    "planned_bytes,planned_images,sent_bytes,sent_images,acknowledged_bytes,acknowledged_images,failed_"
    "images,"
    "lateness_p50_ms,lateness_p99_ms,lateness_max_ms,delivery_p50_ms,delivery_p99_ms,delivery_max_ms";

std::string bucket_cells(Bucket& bucket) {
  std::string cells = fmt::format("{},{},{},{},{},{},{}", bucket.planned_bytes, bucket.planned_images,
                                  bucket.sent_bytes, bucket.sent_images, bucket.acknowledged_bytes,
                                  bucket.acknowledged_images, bucket.failed_images);
  for (auto* values : {&bucket.lateness_ms, &bucket.delivery_ms}) {
    for (const double p : {50.0, 99.0, 100.0}) {
      cells += ',';
      cells += cell(percentile(*values, p));
    }
  }
  return cells;
}

/// Counts an image where it was planned, and its fate where it was sent.
void count(Bucket& planned_in, Bucket* sent_in, const cycle::PlannedImage& image, const SendState& state) {
  const auto bytes = static_cast<std::int64_t>(image.bytes);
  const auto intended_ns = static_cast<std::int64_t>(image.intended_ns);
  planned_in.planned_bytes += bytes;
  planned_in.planned_images += 1;
  if (sent_in == nullptr) {
    return;
  }
  sent_in->sent_bytes += bytes;
  sent_in->sent_images += 1;
  sent_in->lateness_ms.push_back(static_cast<double>(state.sent_ns - intended_ns) / 1e6);
  if (state.status == SendStatus::acknowledged) {
    sent_in->acknowledged_bytes += bytes;
    sent_in->acknowledged_images += 1;
    sent_in->delivery_ms.push_back(static_cast<double>(state.acked_ns - intended_ns) / 1e6);
  } else if (state.status == SendStatus::failed) {
    sent_in->failed_images += 1;
  }
}

std::vector<Bucket> by_segment(const cycle::Plan& plan, const std::vector<SendState>& states) {
  std::vector<Bucket> buckets(plan.segments().size());
  for (std::size_t id = 0; id < states.size(); ++id) {
    const cycle::PlannedImage& image = plan.images()[id];
    Bucket* sent_in = was_sent(states[id])
                          ? &buckets[plan.segment_at(static_cast<double>(states[id].sent_ns) / 1e9)]
                          : nullptr;
    count(buckets[image.segment], sent_in, image, states[id]);
  }
  return buckets;
}

std::vector<Bucket> by_second(const cycle::Plan& plan, const std::vector<SendState>& states) {
  std::vector<Bucket> buckets(static_cast<std::size_t>(std::ceil(plan.duration_s())));
  const auto at = [&](std::int64_t ns) -> Bucket& {
    const auto second = static_cast<std::size_t>(std::max<std::int64_t>(ns, 0) / kNsPerSecond);
    if (second >= buckets.size()) {
      buckets.resize(second + 1);
    }
    return buckets[second];
  };
  for (std::size_t id = 0; id < states.size(); ++id) {
    const cycle::PlannedImage& image = plan.images()[id];
    if (was_sent(states[id])) {
      (void)at(states[id].sent_ns);  // Grows first: the references below stay.
    }
    Bucket& planned_in = at(static_cast<std::int64_t>(image.intended_ns));
    count(planned_in, was_sent(states[id]) ? &at(states[id].sent_ns) : nullptr, image, states[id]);
  }
  return buckets;
}

Json percentiles_json(std::vector<double>& values) {
  Json json = Json::object();
  for (const auto& [name, p] : {std::pair{"p50_ms", 50.0},
                                {"p90_ms", 90.0},
                                {"p95_ms", 95.0},
                                {"p99_ms", 99.0},
                                {"p999_ms", 99.9},
                                {"max_ms", 100.0}}) {
    if (!values.empty()) {
      json[name] = percentile(values, p);
    }
  }
  return json;
}

double fraction_above(const std::vector<double>& values, double bound) {
  if (values.empty()) {
    return 0;
  }
  const auto above = std::count_if(values.begin(), values.end(), [&](double v) { return v > bound; });
  return static_cast<double>(above) / static_cast<double>(values.size());
}

}  // namespace

void write_feed_tables(const std::filesystem::path& directory, const cycle::Plan& plan,
                       const std::vector<SendState>& states) {
  std::string csv = fmt::format("segment,start_s,duration_s,target_mbps,{}\n", kBucketColumns);
  std::vector<Bucket> segments = by_segment(plan, states);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const cycle::SegmentTotals& totals = plan.segments()[i];
    csv += fmt::format("{},{},{},{},{}\n", i, totals.segment.start_s, totals.segment.duration_s,
                       totals.target_bytes_per_s / 1e6, bucket_cells(segments[i]));
  }
  write_file_atomically(directory / "feed.csv", csv);

  csv = fmt::format("second,{}\n", kBucketColumns);
  std::vector<Bucket> buckets = by_second(plan, states);
  for (std::size_t second = 0; second < buckets.size(); ++second) {
    csv += fmt::format("{},{}\n", second, bucket_cells(buckets[second]));
  }
  write_file_atomically(directory / "seconds.csv", csv);
}

Json summarize(const cycle::Plan& plan, const std::vector<SendState>& states) {
  std::vector<double> lateness_ms;
  std::vector<double> delivery_ms;
  for (std::size_t id = 0; id < states.size(); ++id) {
    const auto intended_ns = static_cast<std::int64_t>(plan.images()[id].intended_ns);
    if (was_sent(states[id])) {
      lateness_ms.push_back(static_cast<double>(states[id].sent_ns - intended_ns) / 1e6);
    }
    if (states[id].status == SendStatus::acknowledged) {
      delivery_ms.push_back(static_cast<double>(states[id].acked_ns - intended_ns) / 1e6);
    }
  }
  std::int64_t segments_off = 0;
  const std::vector<Bucket> segments = by_segment(plan, states);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const cycle::SegmentTotals& totals = plan.segments()[i];
    const double target = totals.target_bytes_per_s * totals.segment.duration_s;
    const double bound = std::max(kSegmentTolerance * target,
                                  kSegmentToleranceImages * static_cast<double>(plan.largest_image()));
    const bool has_target = totals.segment.duration_s > 0;
    if (has_target && std::abs(static_cast<double>(segments[i].sent_bytes) - target) > bound) {
      segments_off += 1;
    }
  }
  Json summary;
  summary["lateness"] = percentiles_json(lateness_ms);
  summary["delivery"] = percentiles_json(delivery_ms);
  summary["late_over_1ms_fraction"] = fraction_above(lateness_ms, 1);
  summary["late_over_100ms_fraction"] = fraction_above(lateness_ms, 100);
  summary["segments"] = segments.size();
  summary["segments_out_of_bound"] = segments_off;
  return summary;
}

}  // namespace kexp::feeder
