#include "live_tables.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace kexp::feeder {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
/// How long after its end a stretch is written: what happened within it may come late from another thread.
constexpr std::int64_t kGraceNs = 200'000'000;

Percentiles percentiles_of(const stats::Histogram& histogram) {
  if (histogram.count() == 0) {
    return {std::nan(""), std::nan(""), std::nan("")};
  }
  return {milliseconds(histogram.percentile(50)), milliseconds(histogram.percentile(99)),
          milliseconds(histogram.max())};
}

std::int64_t bytes_of(const cycle::PlannedImage& image) { return static_cast<std::int64_t>(image.bytes); }

std::int64_t intended_of(const cycle::PlannedImage& image) {
  return static_cast<std::int64_t>(image.intended_ns);
}

void count_planned(OpenStretch& stretch, const cycle::PlannedImage& image) {
  stretch.counts.planned_images += 1;
  stretch.counts.planned_bytes += bytes_of(image);
}

void count_sent(OpenStretch& stretch, const cycle::PlannedImage& image, std::int64_t time_ns) {
  stretch.counts.sent_images += 1;
  stretch.counts.sent_bytes += bytes_of(image);
  stretch.lateness.record(Nanoseconds(time_ns - intended_of(image)));
}

void count_acknowledged(OpenStretch& stretch, const cycle::PlannedImage& image, std::int64_t time_ns) {
  stretch.counts.acknowledged_images += 1;
  stretch.counts.acknowledged_bytes += bytes_of(image);
  stretch.delivery.record(Nanoseconds(time_ns - intended_of(image)));
}

}  // namespace

LiveTable::LiveTable(const std::filesystem::path& file, std::string_view header)
    : file_(file, AppendFile::Existing::refuse) {
  file_.write(header);
  file_.flush();
}

OpenStretch& LiveTable::at(std::size_t index) {
  const std::size_t position = std::max(index, next_) - next_;
  if (position >= open_.size()) {
    open_.resize(position + 1);
  }
  return open_[position];
}

void LiveTable::write_next(std::string_view cells) {
  OpenStretch& stretch = at(next_);
  stretch.counts.lateness = percentiles_of(stretch.lateness);
  stretch.counts.delivery = percentiles_of(stretch.delivery);
  file_.write(fmt::format("{},{}\n", cells, stretch_cells(stretch.counts)));
  open_.pop_front();
  ++next_;
}

LiveTables::LiveTables(const cycle::Plan& plan, const Lanes& lanes, const Files& files)
    : plan_(plan),
      step_(lanes.shard().of),
      segments_(files.segments, fmt::format("{},{}\n", kSegmentColumns, kStretchColumns)),
      seconds_(files.seconds, fmt::format("{},{}\n", kSecondColumns, kStretchColumns)),
      next_planned_(lanes.shard().first()) {}

void LiveTables::sent(const cycle::PlannedImage& image, std::int64_t time_ns) {
  count_sent(second(time_ns), image, time_ns);
  count_sent(segment(time_ns), image, time_ns);
}

void LiveTables::dropped(std::int64_t intended_ns) {
  second(intended_ns).counts.dropped_images += 1;
  segment(intended_ns).counts.dropped_images += 1;
}

void LiveTables::acknowledged(const cycle::PlannedImage& image, std::int64_t time_ns) {
  count_acknowledged(second(time_ns), image, time_ns);
  count_acknowledged(segment(time_ns), image, time_ns);
}

void LiveTables::failed(std::int64_t time_ns) {
  second(time_ns).counts.failed_images += 1;
  segment(time_ns).counts.failed_images += 1;
}

void LiveTables::advance(std::int64_t now_ns) {
  plan_until(now_ns);
  const std::int64_t over_ns = now_ns - kGraceNs;
  while (static_cast<std::int64_t>(seconds_.next() + 1) * kNsPerSecond <= over_ns) {
    seconds_.write_next(fmt::to_string(seconds_.next()));
  }
  const auto& segments = plan_.segments();
  while (segments_.next() < segments.size()) {
    const cycle::SegmentTotals& totals = segments[segments_.next()];
    if (totals.segment.start_s + totals.segment.duration_s > static_cast<double>(over_ns) / 1e9) {
      break;
    }
    segments_.write_next(fmt::format("{},{},{},{}", segments_.next(), totals.segment.start_s,
                                     totals.segment.duration_s, totals.target_bytes_per_s / 1e6));
  }
}

void LiveTables::flush() {
  segments_.flush();
  seconds_.flush();
}

OpenStretch& LiveTables::second(std::int64_t time_ns) {
  return seconds_.at(static_cast<std::size_t>(std::max<std::int64_t>(time_ns, 0) / kNsPerSecond));
}

OpenStretch& LiveTables::segment(std::int64_t time_ns) {
  return segments_.at(plan_.segment_at(static_cast<double>(time_ns) / 1e9));
}

void LiveTables::plan_until(std::int64_t time_ns) {
  const auto& images = plan_.images();
  while (next_planned_ < images.size() && intended_of(images[next_planned_]) < time_ns) {
    const cycle::PlannedImage& image = images[next_planned_];
    count_planned(second(intended_of(image)), image);
    count_planned(segments_.at(image.segment), image);
    due_bytes_ += bytes_of(image);
    next_planned_ += step_;
  }
}

}  // namespace kexp::feeder
