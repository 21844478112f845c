#include "account.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/run_directory.hpp"
#include "kexp/record/verdict.hpp"

#include "plan_files.hpp"
#include "plan_table.hpp"
#include "sends_table.hpp"
#include "stretch_row.hpp"

namespace kexp::feeder {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr double kMostSeconds = 31 * 86'400;  // Nothing happens longer than that after the end of a plan.
constexpr double kToleranceImages = 2;
/// Windows that long segments are judged in: as many in a plan as `daynight` has segments by default.
constexpr double kWindows = 200;
constexpr double kShortestWindow = 1;
constexpr double kLongestWindow = 36;
/// Of a window: lateness up to that is judged by itself, and would move bytes over the ends of short ones.
constexpr std::int64_t kWindowLatenessNs = 100'000'000;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// What an account needs of feed.json.
struct FeedFacts {
  std::int64_t t0_unix_ns = 0;
  bool has_t0 = false;
  std::optional<std::int64_t> cut_unix_ns;  ///< When it ended before images of its plan.
  std::vector<record::Outage> outages;
  double segment_error = 0;
  std::int64_t allowed_debt_ns = 0;  ///< As late as the drop policy lets an image be sent.
};

std::optional<std::int64_t> time_in(const Json& event, const char* name) {
  return event.contains(name) && event[name].is_number_integer()
             ? std::optional(event[name].get<std::int64_t>())
             : std::nullopt;
}

FeedFacts read_facts(const fs::path& run, const record::FeedPart& part) {
  FeedFacts facts;
  const Json start = record::last_event(run, part.role(), "started");
  facts.segment_error =
      record::thresholds_in(start.contains("settings") ? start["settings"] : Json()).segment_error_invalid;
  const Json settings = start.contains("settings") ? start["settings"] : Json::object();
  if (settings.contains("on_overload") && settings["on_overload"] == "drop") {
    facts.allowed_debt_ns = std::llround(settings.value("max_debt_s", 0.0) * 1e9);
  }
  const auto t0 = time_in(record::last_event(run, part.role(), "sending"), "t0_unix_ns");
  facts.has_t0 = t0.has_value();
  facts.t0_unix_ns = t0.value_or(0);
  facts.cut_unix_ns = time_in(record::last_event(run, part.role(), "cut"), "unix_ns");
  facts.outages = record::read_outages(run, part.role());
  return facts;
}

double ms_of(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

/// Durations of many stretches in one block of memory: 4 bytes each, which is 1 us up to 16 s and 0.06 ppm
/// above. Told first how many each stretch will have.
class Spreads {
 public:
  void expect(std::int64_t count) { ends_.push_back((ends_.empty() ? 0 : ends_.back()) + count); }
  void allocate() {
    values_.resize(static_cast<std::size_t>(ends_.empty() ? 0 : ends_.back()));
    next_.resize(ends_.size());
    for (std::size_t i = 1; i < ends_.size(); ++i) {
      next_[i] = ends_[i - 1];
    }
  }
  void add(std::size_t stretch, std::int64_t ns) {
    values_.at(static_cast<std::size_t>(next_[stretch]++)) = static_cast<float>(ms_of(ns));
  }
  /// Sorts what it is asked of.
  [[nodiscard]] Percentiles of(std::size_t stretch) {
    const auto begin = values_.begin() + (stretch == 0 ? 0 : ends_[stretch - 1]);
    const auto end = values_.begin() + ends_[stretch];
    if (begin == end) {
      return {kNan, kNan, kNan};
    }
    std::sort(begin, end);
    const auto count = static_cast<double>(end - begin);
    const auto ranked = [&](double share) {
      return static_cast<double>(
          *(begin + static_cast<std::ptrdiff_t>(std::ceil(share * count * (1 - 1e-12))) - 1));
    };
    return {ranked(0.5), ranked(0.99), static_cast<double>(*(end - 1))};
  }

 private:
  std::vector<std::int64_t> ends_;
  std::vector<std::int64_t> next_;
  std::vector<float> values_;
};

/// One reading of a feed's files, in three passes over sends.csv: what happened, then the durations of those
/// sent, then of those acknowledged.
class Accounting {
 public:
  Accounting(const fs::path& run, const record::FeedPart& part, const cycle::Plan* images)
      : part_(part),
        plan_(read_plan_table(run)),
        images_(images),
        facts_(read_facts(run, part)),
        sends_(run / part.csv("sends")) {
    partition_bytes_.resize(plan_.partitions);
    due_in_segment_.resize(plan_.segments.size());
    played_in_segment_.resize(plan_.segments.size());
  }

  Account run() {
    begin_segments();
    account_.seconds.resize(planned_seconds());
    each([this](const Send& send) { count(send); });
    end_seconds();
    if (images_ != nullptr) {
      take_plan();
    }
    measure(&Stretch::sent_images, &Stretch::lateness,
            [](const Send& send) { return send.was_sent() ? send.sent_ns : std::nullopt; });
    measure(&Stretch::acknowledged_images, &Stretch::delivery,
            [](const Send& send) { return send.fate == Fate::acknowledged ? send.acked_ns : std::nullopt; });
    summarize();
    return std::move(account_);
  }

 private:
  void each(const std::function<void(const Send&)>& visit) {
    if (!facts_.has_t0) {
      return;  // Nothing is sent before it is written down.
    }
    read_sends_table(sends_, visit);
  }

  void begin_segments() {
    for (const record::PlanSegment& planned : plan_.segments) {
      Account::Segment segment{planned.start_s, planned.duration_s, planned.target_bytes_per_s, {}};
      if (part_.of == 1) {
        segment.done.planned_images = planned.images;
        segment.done.planned_bytes = planned.bytes;
      }
      account_.segments.push_back(segment);
    }
  }

  void count(const Send& send) {
    AccountSummary& summary = account_.summary;
    const std::size_t due_in = plan_.segment_of(send.id);
    due_in_segment_.at(due_in) += 1;
    if (part_.of > 1) {
      count_planned(account_.segments[due_in].done, send.bytes);
    }
    Stretch& due = second(send.intended_ns, send);
    count_planned(due, send.bytes);
    if (send.fate == Fate::dropped) {
      summary.dropped += 1;
      due.dropped_images += 1;
      account_.segments[due_in].done.dropped_images += 1;
      count_played(send, send.intended_ns);
      return;
    }
    if (send.sent_ns) {
      count_sent(send, *send.sent_ns);
    }
    const std::int64_t reported_ns = send.acked_ns.value_or(send.sent_ns.value_or(send.intended_ns));
    if (send.fate == Fate::acknowledged) {
      for (Stretch* stretch : {&second(reported_ns, send), &segment(reported_ns)}) {
        stretch->acknowledged_bytes += send.bytes;
        stretch->acknowledged_images += 1;
      }
      summary.acknowledged += 1;
      summary.acknowledged_bytes += send.bytes;
      delivery_.record(Nanoseconds(reported_ns - send.intended_ns));
    } else if (send.fate == Fate::failed) {
      second(reported_ns, send).failed_images += 1;
      segment(reported_ns).failed_images += 1;
      summary.failed += 1;
    } else {
      summary.unknown += 1;
    }
  }

  static void count_planned(Stretch& stretch, std::int64_t bytes) {
    stretch.planned_bytes += bytes;
    stretch.planned_images += 1;
  }

  void count_sent(const Send& send, std::int64_t sent_ns) {
    AccountSummary& summary = account_.summary;
    for (Stretch* stretch : {&second(sent_ns, send), &segment(sent_ns)}) {
      stretch->sent_bytes += send.bytes;
      stretch->sent_images += 1;
    }
    summary.sent += 1;
    summary.sent_bytes += send.bytes;
    summary.first_sent_unix_ns = std::min(summary.first_sent_unix_ns.value_or(sent_ns), sent_ns);
    summary.last_sent_unix_ns = std::max(summary.last_sent_unix_ns.value_or(sent_ns), sent_ns);
    if (send.partition >= 0 && static_cast<std::size_t>(send.partition) < partition_bytes_.size()) {
      partition_bytes_[static_cast<std::size_t>(send.partition)] += static_cast<std::uint64_t>(send.bytes);
    }
    count_played(send, sent_ns);
    const std::int64_t lateness_ns = sent_ns - send.intended_ns;
    lateness_.record(Nanoseconds(lateness_ns));
    late_over_1ms_ += lateness_ns > 1'000'000 ? 1 : 0;
    if (lateness_ns > 100'000'000) {
      late_over_100ms_ += 1;
      late_unexplained_ += is_explained(send.intended_ns) ? 0 : 1;
    }
  }

  /// Where the image counts when a segment or a window is judged: where it was due, unless it was sent later
  /// than may be. A rate times that lateness would not do: over a step of the curve comes what the rate
  /// before it made due.
  void count_played(const Send& send, std::int64_t when_ns) {
    const std::int64_t late_ns = when_ns - send.intended_ns - facts_.allowed_debt_ns;
    const std::size_t segment = late_ns <= 0 ? plan_.segment_of(send.id) : segment_at(when_ns);
    played_in_segment_.at(segment) += send.bytes;
    const std::size_t second = second_at(late_ns <= kWindowLatenessNs ? send.intended_ns : when_ns);
    if (second >= played_in_second_.size()) {
      played_in_second_.resize(second + 1);
    }
    played_in_second_[second] += send.bytes;
  }

  [[nodiscard]] bool is_explained(std::int64_t intended_unix_ns) const {
    return std::any_of(facts_.outages.begin(), facts_.outages.end(),
                       [&](const record::Outage& outage) { return outage.explains(intended_unix_ns); });
  }

  [[nodiscard]] std::size_t second_at(std::int64_t unix_ns) const {
    return static_cast<std::size_t>(std::max<std::int64_t>(unix_ns - facts_.t0_unix_ns, 0) / kNsPerSecond);
  }
  [[nodiscard]] std::size_t segment_at(std::int64_t unix_ns) const {
    return plan_.segment_at(static_cast<double>(unix_ns - facts_.t0_unix_ns) / 1e9);
  }
  Stretch& segment(std::int64_t unix_ns) { return account_.segments[segment_at(unix_ns)].done; }

  Stretch& second(std::int64_t unix_ns, const Send& send) {
    const std::size_t second = second_at(unix_ns);
    if (static_cast<double>(second) >= plan_.duration_s + kMostSeconds) {
      throw FailedError(
          fmt::format("{}: image {} has a time {} s after t0", sends_.string(), send.id, second));
    }
    if (second >= account_.seconds.size()) {
      account_.seconds.resize(second + 1);
    }
    last_second_ = std::max(last_second_, second + 1);
    return account_.seconds[second];
  }

  [[nodiscard]] std::size_t planned_seconds() const {
    return static_cast<std::size_t>(std::ceil(plan_.duration_s));
  }

  /// What was cut short has no seconds in which nothing could happen any more.
  void end_seconds() {
    if (facts_.cut_unix_ns) {
      const std::int64_t cut_ns = *facts_.cut_unix_ns;
      const std::size_t until_cut = cut_ns > facts_.t0_unix_ns ? second_at(cut_ns) + 1 : 0;
      account_.seconds.resize(std::max(last_second_, std::min(until_cut, planned_seconds())));
    }
  }

  /// What was planned, by the plan itself instead of by the rows.
  void take_plan() {
    for (Stretch& stretch : account_.seconds) {
      stretch.planned_bytes = stretch.planned_images = 0;
    }
    for (Account::Segment& segment : account_.segments) {
      segment.done.planned_bytes = segment.done.planned_images = 0;
    }
    const std::int64_t cut_ns = facts_.cut_unix_ns.value_or(std::numeric_limits<std::int64_t>::max());
    const auto& images = images_->images();
    for (std::size_t id = part_.first(); id < images.size(); id += part_.of) {
      const cycle::PlannedImage& image = images[id];
      count_planned(account_.segments.at(image.segment).done, image.bytes);
      const std::int64_t due_ns = facts_.t0_unix_ns + static_cast<std::int64_t>(image.intended_ns);
      const std::size_t second = second_at(due_ns);
      if (due_ns <= cut_ns && second < account_.seconds.size()) {
        count_planned(account_.seconds[second], image.bytes);
      }
    }
  }

  /// The percentiles of one kind of duration, from its end to the intended time.
  template <typename End>
  void measure(std::int64_t Stretch::*images, Percentiles Stretch::*into, const End& end_of) {
    Spreads by_second;
    Spreads by_segment;
    for (const Stretch& stretch : account_.seconds) {
      by_second.expect(stretch.*images);
    }
    for (const Account::Segment& segment : account_.segments) {
      by_segment.expect(segment.done.*images);
    }
    by_second.allocate();
    by_segment.allocate();
    each([&](const Send& send) {
      if (const auto end_ns = end_of(send)) {
        by_second.add(second_at(*end_ns), *end_ns - send.intended_ns);
        by_segment.add(segment_at(*end_ns), *end_ns - send.intended_ns);
      }
    });
    for (std::size_t i = 0; i < account_.seconds.size(); ++i) {
      account_.seconds[i].*into = by_second.of(i);
    }
    for (std::size_t i = 0; i < account_.segments.size(); ++i) {
      account_.segments[i].done.*into = by_segment.of(i);
    }
  }

  void summarize() {
    AccountSummary& summary = account_.summary;
    summary.planned = part_.share_of(plan_.images);
    if (facts_.cut_unix_ns) {
      summary.dropped = summary.planned - summary.sent;  // Those that it did not come to, too.
    }
    summary.lateness = lateness_.summary();
    summary.delivery = delivery_.summary();
    const auto share = [&](std::int64_t late) {
      return summary.sent > 0 ? static_cast<double>(late) / static_cast<double>(summary.sent) : 0;
    };
    summary.late_over_1ms = share(late_over_1ms_);
    summary.late_over_100ms = share(late_over_100ms_);
    summary.late_unexplained = share(late_unexplained_);
    summary.skew = cycle::skew_of(partition_bytes_);
    summary.segments = static_cast<std::int64_t>(account_.segments.size());
    for (std::size_t i = 0; i < account_.segments.size(); ++i) {
      judge_segment(i);
    }
  }

  /// Whether the feed did not come to all images of the segment.
  [[nodiscard]] bool is_cut(std::size_t segment) const {
    if (!facts_.cut_unix_ns) {
      return false;
    }
    const std::int64_t end = plan_.segments[segment].end_id;
    const std::int64_t planned = part_.share_of(end) - part_.share_of(end - plan_.segments[segment].images);
    return due_in_segment_[segment] < planned;
  }

  void judge_segment(std::size_t index) {
    AccountSummary& summary = account_.summary;
    const Account::Segment& segment = account_.segments[index];
    if (is_cut(index)) {
      summary.segments_cut += 1;
      return;
    }
    if (segment.duration_s <= 0) {
      return;
    }
    const Range whole{segment.start_s, segment.start_s + segment.duration_s};
    Judgement judgement = judge(whole, segment.done.planned_bytes, played_in_segment_[index]);
    for (const Range& window : windows_of(whole)) {
      judgement = std::max(judgement, judge_window(window));
    }
    summary.segments_excused += judgement == Judgement::excused ? 1 : 0;
    summary.segments_out_of_bound += judgement == Judgement::out_of_bound ? 1 : 0;
  }

  struct Range {
    double start_s, end_s;
  };
  enum class Judgement { sound, excused, out_of_bound };

  /// The whole seconds of a segment that is longer than a window, by windows: within a `constant` profile,
  /// which is one segment, nothing else would tell a pause that was made up for.
  [[nodiscard]] std::vector<Range> windows_of(const Range& segment) const {
    const double window_s =
        std::clamp(std::floor(plan_.duration_s / kWindows), kShortestWindow, kLongestWindow);
    std::vector<Range> windows;
    if (segment.end_s - segment.start_s > window_s) {
      for (double start = std::ceil(segment.start_s); start + window_s <= segment.end_s; start += window_s) {
        windows.push_back({start, start + window_s});
      }
    }
    return windows;
  }

  [[nodiscard]] Judgement judge_window(const Range& seconds) const {
    std::int64_t planned_bytes = 0;
    std::int64_t played_bytes = 0;
    const auto end = static_cast<std::size_t>(seconds.end_s);
    for (auto second = static_cast<std::size_t>(seconds.start_s); second < end; ++second) {
      planned_bytes += second < account_.seconds.size() ? account_.seconds[second].planned_bytes : 0;
      played_bytes += second < played_in_second_.size() ? played_in_second_[second] : 0;
    }
    return judge(seconds, planned_bytes, played_bytes);
  }

  [[nodiscard]] Judgement judge(const Range& range, std::int64_t planned_bytes,
                                std::int64_t played_bytes) const {
    const auto planned = static_cast<double>(planned_bytes);
    const double bound =
        std::max(facts_.segment_error * planned, kToleranceImages * static_cast<double>(plan_.largest_image));
    if (std::abs(static_cast<double>(played_bytes) - planned) <= bound) {
      return Judgement::sound;
    }
    return is_excused(range) ? Judgement::excused : Judgement::out_of_bound;
  }

  [[nodiscard]] bool is_excused(const Range& range) const {
    const auto unix_ns = [&](double after_s) {
      return facts_.t0_unix_ns + static_cast<std::int64_t>(after_s * 1e9);
    };
    return std::any_of(facts_.outages.begin(), facts_.outages.end(), [&](const record::Outage& outage) {
      return outage.start_unix_ns < unix_ns(range.end_s) &&
             (outage.caught_up_unix_ns == 0 || outage.caught_up_unix_ns > unix_ns(range.start_s));
    });
  }

  const record::FeedPart part_;
  const PlanTable plan_;
  const cycle::Plan* const images_;
  const FeedFacts facts_;
  const fs::path sends_;
  Account account_;
  stats::Histogram lateness_, delivery_;
  std::vector<std::uint64_t> partition_bytes_;
  std::vector<std::int64_t> due_in_segment_;                        // Rows of images that were due in it.
  std::vector<std::int64_t> played_in_segment_, played_in_second_;  // Bytes, as they are judged.
  std::int64_t late_over_1ms_ = 0, late_over_100ms_ = 0, late_unexplained_ = 0;
  std::size_t last_second_ = 0;
};

}  // namespace

Json to_json(const AccountSummary& summary) {
  const auto time = [](const std::optional<std::int64_t>& ns) { return ns ? Json(*ns) : Json(); };
  return {{"planned", summary.planned},
          {"sent", summary.sent},
          {"dropped", summary.dropped},
          {"acknowledged", summary.acknowledged},
          {"failed", summary.failed},
          {"unknown", summary.unknown},
          {"sent_bytes", summary.sent_bytes},
          {"acknowledged_bytes", summary.acknowledged_bytes},
          {"lateness", stats::to_json(summary.lateness)},
          {"delivery", stats::to_json(summary.delivery)},
          {"late_over_1ms_fraction", summary.late_over_1ms},
          {"late_over_100ms_fraction", summary.late_over_100ms},
          {"late_unexplained_fraction", summary.late_unexplained},
          {"segments", summary.segments},
          {"segments_out_of_bound", summary.segments_out_of_bound},
          {"segments_excused", summary.segments_excused},
          {"segments_cut", summary.segments_cut},
          {"partition_bytes", skew_json(summary.skew)},
          {"first_sent_unix_ns", time(summary.first_sent_unix_ns)},
          {"last_sent_unix_ns", time(summary.last_sent_unix_ns)}};
}

Account account_for(const fs::path& run, const record::FeedPart& part, const cycle::Plan* plan) {
  return Accounting(run, part, plan).run();
}

std::string segments_table(const Account& account) {
  std::string csv = fmt::format("{},{}\n", kSegmentColumns, kStretchColumns);
  for (std::size_t i = 0; i < account.segments.size(); ++i) {
    const Account::Segment& segment = account.segments[i];
    csv += fmt::format("{},{},{},{},{}\n", i, segment.start_s, segment.duration_s,
                       segment.target_bytes_per_s / 1e6, stretch_cells(segment.done));
  }
  return csv;
}

std::string seconds_table(const Account& account) {
  std::string csv = fmt::format("{},{}\n", kSecondColumns, kStretchColumns);
  for (std::size_t second = 0; second < account.seconds.size(); ++second) {
    csv += fmt::format("{},{}\n", second, stretch_cells(account.seconds[second]));
  }
  return csv;
}

void write_feed_tables(const fs::path& run, const Account& account, const record::FeedPart& part) {
  write_file_atomically(run / part.csv("feed"), segments_table(account));
  write_file_atomically(run / part.csv("seconds"), seconds_table(account));
}

}  // namespace kexp::feeder
