#include "quality.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/plan_segments.hpp"
#include "kexp/record/result_files.hpp"

#include "answers.hpp"
#include "sent_images.hpp"

namespace kexp::tracker {

namespace {

constexpr std::size_t kMostLateIds = 1000;

enum Stage : std::size_t {
  lateness,
  send,
  wait,
  decode,
  preprocess,
  inference,
  postprocess,
  end_to_end,
  kStages
};
constexpr std::array<const char*, kStages> kStageNames = {
    "lateness", "send", "wait", "decode", "preprocess", "inference", "postprocess", "end_to_end"};

// As nanoseconds it must not overflow, whatever somebody else wrote.
std::int64_t bounded_ms(std::int64_t unix_ms) {
  constexpr std::int64_t kYear2255 = 9'000'000'000'000;
  return std::clamp<std::int64_t>(unix_ms, 0, kYear2255);
}

record::Result bounded(record::Result result) {
  for (std::int64_t* time : {&result.start_time_ms, &result.end_time_ms, &result.done_time_ms}) {
    *time = bounded_ms(*time);
  }
  return result;
}

/// Adds up where the time of the images went.
class Stages {
 public:
  void add_send(const SentImage& image) {
    if (image.sent_ns == 0) {
      return;
    }
    add(lateness, Nanoseconds(image.sent_ns - image.intended_ns));
    if (image.acknowledged && image.acked_ns != 0) {
      add(send, Nanoseconds(image.acked_ns - image.sent_ns));
    }
  }

  void add_answer(const SentImage& image, const record::Result& result) {
    const Nanoseconds received(result.end_time_ms * 1'000'000);
    if (image.acked_ns != 0) {
      add(wait, received - Nanoseconds(image.acked_ns));
    }
    if (result.errors == 0) {
      add(decode, from_ms(result.decode_ms));
      add(preprocess, from_ms(result.pre_ms));
      add(inference, from_ms(result.inf_ms));
      add(postprocess, from_ms(result.post_ms));
    }
    add(end_to_end, Nanoseconds(image.latency_ns));
  }

  [[nodiscard]] std::vector<std::pair<std::string, stats::Summary>> summaries() const {
    std::vector<std::pair<std::string, stats::Summary>> summaries;
    for (std::size_t stage = 0; stage < kStages; ++stage) {
      summaries.emplace_back(kStageNames[stage], histograms_[stage].summary());
    }
    return summaries;
  }

 private:
  void add(Stage stage, Nanoseconds value) { histograms_[stage].record(value); }

  std::array<stats::Histogram, kStages> histograms_;
};

// A consumer tells whole milliseconds, cut off: up to one before is none.
void look_at_clocks(const SentImage& image, const record::Result& result, const record::Reception& reception,
                    Quality::Clocks& clocks) {
  constexpr std::int64_t kMs = 1'000'000;
  const std::int64_t early_ns = image.sent_ns - (result.end_time_ms + 1) * kMs;
  if (image.sent_ns != 0 && early_ns > 0) {
    ++clocks.received_before_sent;
    clocks.worst_ms = std::max(clocks.worst_ms, static_cast<double>(early_ns) / 1e6);
  }
  if (const std::int64_t early_ms = result.done_time_ms - reception.received_ms; early_ms > 0) {
    ++clocks.answered_before_done;
    clocks.worst_ms = std::max(clocks.worst_ms, static_cast<double>(early_ms));
  }
}

// The feed tells nanoseconds, the consumer milliseconds.
Nanoseconds latency_of(const SentImage& image, const record::Result& result) {
  constexpr std::int64_t kMs = 1'000'000;
  const double whole_ms = record::done_ms(result) - static_cast<double>(image.intended_ns / kMs);
  return from_ms(whole_ms) - Nanoseconds(image.intended_ns % kMs);
}

SentImage::Answer judge(const record::Result& result, Nanoseconds latency, Nanoseconds deadline) {
  if (result.errors != 0) {
    return SentImage::Answer::error;
  }
  return latency <= deadline ? SentImage::Answer::in_time : SentImage::Answer::late;
}

/// What became of the images of a segment, or of all.
struct Served {
  std::int64_t planned = 0, sent = 0, in_time = 0, late = 0, errors = 0, missing = 0;
  double duration_s = 0;
  std::vector<std::int64_t> latencies_ns;  // Of those with an answer; sorted.

  explicit Served(std::span<const SentImage> images) : sent(std::ssize(images)) {
    for (const SentImage& image : images) {
      in_time += image.answer == SentImage::Answer::in_time ? 1 : 0;
      late += image.answer == SentImage::Answer::late ? 1 : 0;
      errors += image.answer == SentImage::Answer::error ? 1 : 0;
      missing += image.answer == SentImage::Answer::none ? 1 : 0;
      if (image.answer != SentImage::Answer::none) {
        latencies_ns.push_back(image.latency_ns);
      }
    }
    std::sort(latencies_ns.begin(), latencies_ns.end());
  }

  [[nodiscard]] std::optional<double> share() const {
    return sent > 0 ? std::optional(static_cast<double>(in_time) / static_cast<double>(sent)) : std::nullopt;
  }
  [[nodiscard]] std::optional<double> per_second() const {
    return duration_s > 0 ? std::optional(static_cast<double>(in_time) / duration_s) : std::nullopt;
  }
  [[nodiscard]] stats::Interval interval() const {
    return stats::clopper_pearson(in_time, sent, Goodput::kConfidence);
  }
  // By nearest rank.
  [[nodiscard]] std::optional<double> percentile_ms(std::int64_t percent) const {
    if (latencies_ns.empty()) {
      return std::nullopt;
    }
    const std::int64_t rank = (percent * std::ssize(latencies_ns) + 99) / 100;
    const auto index = static_cast<std::size_t>(std::max<std::int64_t>(rank, 1) - 1);
    return static_cast<double>(latencies_ns[index]) / 1e6;
  }
};

std::string cell(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? fmt::format("{}", *value) : std::string();
}

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

constexpr const char* kHeader =
    "segment,start_s,duration_s,planned,sent,in_time,late,errors,missing,goodput_ips,share,share_low,"
    "share_high,p50_ms,p95_ms,p99_ms\n";

std::string row_of(std::size_t index, const record::PlanSegment& segment, const Served& served) {
  const stats::Interval interval = served.interval();
  return csv_line(index, segment.start_s, segment.duration_s, served.planned, served.sent, served.in_time,
                  served.late, served.errors, served.missing, cell(served.per_second()), cell(served.share()),
                  interval.low, interval.high, cell(served.percentile_ms(50)), cell(served.percentile_ms(95)),
                  cell(served.percentile_ms(99)));
}

std::string table_of(const std::vector<record::PlanSegment>& segments, std::span<const SentImage> images) {
  if (segments.empty()) {
    return {};
  }
  std::string table = kHeader;
  auto begin = images.begin();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool is_last = i + 1 == segments.size();
    const auto end =
        is_last ? images.end()
                : std::lower_bound(begin, images.end(), segments[i].end_id,
                                   [](const SentImage& image, std::int64_t id) { return image.id < id; });
    Served served{std::span<const SentImage>(begin, end)};
    served.planned = segments[i].images;
    served.duration_s = segments[i].duration_s;
    table += row_of(i, segments[i], served);
    begin = end;
  }
  return table;
}

// None where there is no plan or it cannot be read: that costs the table, not the tracker's end.
std::vector<record::PlanSegment> segments_of(const std::filesystem::path& run) {
  try {
    return record::read_plan_segments(run);
  } catch (const FailedError&) {
    return {};
  }
}

Goodput goodput_of(const std::vector<record::PlanSegment>& segments, std::span<const SentImage> images,
                   Nanoseconds deadline) {
  Served all(images);
  for (const record::PlanSegment& segment : segments) {
    all.duration_s += segment.duration_s;
  }
  return {.deadline_s = seconds(deadline),
          .sent = all.sent,
          .in_time = all.in_time,
          .late = all.late,
          .errors = all.errors,
          .missing = all.missing,
          .share = all.share(),
          .interval = all.interval(),
          .images_per_s = all.per_second()};
}

std::vector<std::string> late_ids(std::span<const SentImage> images) {
  std::vector<std::string> ids;
  for (const SentImage& image : images) {
    if (image.answer == SentImage::Answer::late && ids.size() < kMostLateIds) {
      ids.push_back(fmt::format("{}", image.id));
    }
  }
  return ids;
}

Json stages_json(const Quality& quality) {
  Json json = Json::object();
  for (const auto& [stage, summary] : quality.stages) {
    json[stage] = stats::to_json(summary);
  }
  return json;
}

Json clocks_json(const Quality::Clocks& clocks) {
  return {{"received_before_sent", clocks.received_before_sent},
          {"answered_before_done", clocks.answered_before_done},
          {"worst_ms", clocks.worst_ms}};
}

Json goodput_json(const Goodput& goodput) {
  return {{"deadline_s", goodput.deadline_s},
          {"sent", goodput.sent},
          {"in_time", goodput.in_time},
          {"late", goodput.late},
          {"errors", goodput.errors},
          {"missing", goodput.missing},
          {"share", number_or_null(goodput.share)},
          {"share_low", goodput.interval.low},
          {"share_high", goodput.interval.high},
          {"confidence", Goodput::kConfidence},
          {"images_per_s", number_or_null(goodput.images_per_s)}};
}

}  // namespace

Json to_json(const Quality& quality) {
  if (!quality.goodput) {
    return {{"stages", nullptr}, {"clocks", nullptr}, {"goodput", nullptr}, {"late", nullptr}};
  }
  return {{"stages", stages_json(quality)},
          {"clocks", clocks_json(quality.clocks)},
          {"goodput", goodput_json(*quality.goodput)},
          {"late",
           {{"total", quality.goodput->late},
            {"listed", quality.late_ids.size()},
            {"ids", quality.late_ids},
            {"after_end", quality.after_end}}}};
}

Quality assess(const std::filesystem::path& run, Nanoseconds deadline, std::optional<WallTime> first_end) {
  std::vector<SentImage> images = read_sent_images(run);
  Quality quality;
  if (images.empty()) {
    return quality;
  }
  Stages stages;
  for (const SentImage& image : images) {
    stages.add_send(image);
  }
  record::read_results(run, [&](const record::Result& row, const record::Reception& reception) {
    SentImage* image = find_image(images, row.id);
    if (image == nullptr || image->answer != SentImage::Answer::none) {
      return;  // Unexpected, or a duplicate: the first answer counts.
    }
    const record::Result result = bounded(row);
    if (image->intended_ns == 0) {
      image->intended_ns = result.start_time_ms * 1'000'000;
    }
    const Nanoseconds latency = latency_of(*image, result);
    image->latency_ns = latency.count();
    image->answer = judge(result, latency, deadline);
    quality.after_end += first_end && reception.received_ms > unix_ms(*first_end) ? 1 : 0;
    stages.add_answer(*image, result);
    look_at_clocks(*image, result, reception, quality.clocks);
  });
  const std::vector<record::PlanSegment> segments = segments_of(run);
  quality.stages = stages.summaries();
  quality.goodput = goodput_of(segments, images, deadline);
  quality.late_ids = late_ids(images);
  quality.goodput_csv = table_of(segments, images);
  return quality;
}

}  // namespace kexp::tracker
