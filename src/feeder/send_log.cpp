#include "send_log.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/json.hpp"

#include "overload.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;
using record::Fate;

/// A kill loses less than a second; each look costs the CPU of dozens of images.
constexpr Nanoseconds kLookInterval = 500ms;
/// A wait that takes so much longer: the process was stopped, or the machine stood still.
constexpr Nanoseconds kShortestStall = 1s;
/// Of all lanes: between two looks at 100,000 images/s there are 50,000 events, and some for a look that
/// comes late.
constexpr std::uint64_t kMostRingEvents = 131'072;

std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

/// So begin the names for what a client was made to forget at its end.
constexpr std::string_view kGivenUp = "_PURGE_";

/// Errors of the client itself ("_MSG_TIMED_OUT") begin so.
bool is_of_broker(const std::string& error) { return !error.starts_with('_'); }

template <typename Values, typename Earlier>
void sort_unless_sorted(Values& values, const Earlier& earlier) {
  if (!std::is_sorted(values.begin(), values.end(), earlier)) {
    std::stable_sort(values.begin(), values.end(), earlier);
  }
}

}  // namespace

std::size_t ring_events(const Lanes& lanes, std::uint64_t images) {
  return static_cast<std::size_t>(std::min(kMostRingEvents / lanes.count(), images / lanes.step() + 1));
}

SendLog::SendLog(const cycle::Plan& plan, const Lanes& lanes, std::string topic, const SendLogFiles& files,
                 SendLogPorts ports)
    : plan_(plan),
      lanes_(lanes),
      ports_(std::move(ports)),
      sends_(files.sends),
      tables_(plan, lanes, files.tables),
      live_(plan, std::move(topic), ports_.progress, ports_.metrics),
      wall_clock_(ports_.clock),
      in_flight_(lanes.count()) {
  const std::uint64_t images = plan.images().size();
  const std::size_t room = ring_events(lanes, images);
  counts_.planned = lanes.shard().share_of(as_signed(images));
  for (std::uint32_t i = 0; i < lanes.count(); ++i) {
    lane_states_.push_back(std::make_unique<LaneState>(room));
  }
}

SendLog::~SendLog() = default;

void SendLog::set_t0(SteadyTime t0, WallTime t0_wall) {
  t0_ = t0;
  t0_unix_ns_ = unix_ns(t0_wall);
  sends_.set_t0(t0_unix_ns_);
  live_.start(t0, counts_.planned);
}

void SendLog::start() {
  writer_ = std::jthread([this](std::stop_token stop) { loop(std::move(stop)); });
}

void SendLog::reported(const kafka::DeliveryReport& report) {
  const std::scoped_lock lock(mutex_);
  incoming_.push_back(report);
}

void SendLog::loop(std::stop_token stop) {
  try {
    while (!stop.stop_requested()) {
      const auto before = std::chrono::steady_clock::now();  // The time that the wait goes by.
      {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, kLookInterval, [] { return false; });
      }
      const Nanoseconds longer = std::chrono::steady_clock::now() - before - kLookInterval;
      if (longer > kShortestStall) {
        stalled(longer);
      }
      look();
    }
  } catch (...) {
    failure_ = std::current_exception();
    ports_.broken();
  }
}

void SendLog::look() {
  collect();
  join();
  const SteadyTime now = ports_.clock.now();
  tables_.advance(after_t0(now));
  watch(after_t0(now));
  publish(now);
  flush();
}

// Reports first: a report follows its send, so nearly all of them find the event that is collected after
// them.
void SendLog::collect() {
  reports_.clear();
  {
    const std::scoped_lock lock(mutex_);
    reports_.swap(incoming_);
  }
  reports_.insert(reports_.end(), std::make_move_iterator(early_.begin()),
                  std::make_move_iterator(early_.end()));
  early_.clear();
  events_.clear();
  for (const auto& lane : lane_states_) {
    lane->events.drain(events_);
  }
  sort_unless_sorted(events_, [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; });
  sort_unless_sorted(reports_, [](const auto& a, const auto& b) { return a.time < b.time; });
}

// In the order of time, so that a silence of the broker is seen as it was.
void SendLog::join() {
  auto event = events_.begin();
  for (kafka::DeliveryReport& report : reports_) {
    const std::int64_t time_ns = after_t0(report.time);
    for (; event != events_.end() && event->time_ns <= time_ns; ++event) {
      take(*event);
    }
    tables_.advance(time_ns);
    if (!take(report, time_ns)) {
      early_.push_back(std::move(report));
    }
  }
  for (; event != events_.end(); ++event) {
    tables_.advance(event->time_ns);
    take(*event);
  }
}

void SendLog::take(const SendEvent& event) {
  const cycle::PlannedImage& image = plan_.images()[event.id];
  const Nanoseconds lateness(event.time_ns - as_signed(image.intended_ns));
  latest_ = std::max(latest_, lateness);
  if (lateness >= kSilentDebt) {
    outages_.late(event.time_ns);
  }
  InFlight& in_flight = in_flight_[lanes_.lane_of(event.id)];
  if (event.what == SendEvent::What::dropped) {
    in_flight.skipped(lanes_.index_of(event.id));
    tables_.dropped(as_signed(image.intended_ns));
    counts_.dropped += 1;
    sends_.write(image, {.id = event.id, .status = {Fate::dropped, {}}});
    return;
  }
  in_flight.sent(lanes_.index_of(event.id), event.time_ns);
  tables_.sent(image, event.time_ns);
  counts_.sent += 1;
  counts_.sent_bytes += as_signed(image.bytes);
  lateness_s_.push_back(seconds(lateness));
}

/// False when the send is not known yet.
bool SendLog::take(const kafka::DeliveryReport& report, std::int64_t time_ns) {
  const std::optional<std::int64_t> oldest_ns = oldest_in_flight();
  const std::optional<std::int64_t> sent_ns =
      in_flight_[lanes_.lane_of(report.tag)].answered(lanes_.index_of(report.tag));
  if (!sent_ns) {
    return false;
  }
  const cycle::PlannedImage& image = plan_.images()[report.tag];
  given_up_ += report.error.starts_with(kGivenUp) ? 1 : 0;
  SendsFile::Row row{.id = report.tag, .sent_ns = sent_ns, .status = {Fate::acknowledged, {}}};
  if (report.offset >= 0) {
    row.offset = report.offset;
  }
  if (report.possibly_persisted) {
    counts_.unknown += 1;
    row.status = {Fate::unknown, {}};
  } else if (report.error.empty()) {
    counts_.acknowledged += 1;
    counts_.acknowledged_bytes += as_signed(image.bytes);
    tables_.acknowledged(image, time_ns);
    delivery_s_.push_back(seconds(Nanoseconds(time_ns - as_signed(image.intended_ns))));
  } else {
    counts_.failed += 1;
    tables_.failed(time_ns);
    row.status = {Fate::failed, report.error};
    if (first_failure_.empty()) {
      first_failure_ = fmt::format("image {}: {}", report.tag, report.error);
    }
  }
  if (is_of_broker(report.error)) {
    row.answered_ns = time_ns;
    outages_.answered(time_ns, oldest_ns.value_or(*sent_ns));
  }
  sends_.write(image, row);
  return true;
}

void SendLog::watch(std::int64_t now_ns) {
  const Nanoseconds debt_now = debt(now_ns);
  worst_debt_ = std::max({worst_debt_, latest_, debt_now});
  if (const auto outage = outages_.look(now_ns, oldest_in_flight(), debt_now, ports_.last_fault)) {
    note_outage(*outage);
  }
  if (outages_.is_silent() && !told_silence_) {
    ports_.log.warn("feed: outage=begun cause=\"{}\"",
                    outages_.fault().empty() ? kNoAnswer : std::string_view(outages_.fault()));
  }
  told_silence_ = outages_.is_silent();
  if (const auto step = wall_clock_.look()) {
    ports_.note("clock_stepped", {{"by_s", seconds(*step)}});
    ports_.log.warn("feed: clock_stepped_s={:.3f}", seconds(*step));
  }
}

void SendLog::stalled(Nanoseconds duration) {
  const std::int64_t now_ns = after_t0(ports_.clock.now());
  outages_.stalled_until(now_ns);
  ports_.note("stall", {{"start_unix_ns", t0_unix_ns_ + now_ns - duration.count()},
                        {"duration_s", seconds(duration)}});
  ports_.log.warn("feed: stalled_s={:.1f} this process stood still", seconds(duration));
}

void SendLog::note_outage(const ObservedOutage& outage) {
  const auto unix_time = [&](const std::optional<std::int64_t>& ns) { return ns ? t0_unix_ns_ + *ns : 0; };
  ports_.note("outage", {{"start_unix_ns", unix_time(outage.start_ns)},
                         {"end_unix_ns", unix_time(outage.end_ns)},
                         {"caught_up_unix_ns", unix_time(outage.caught_up_ns)},
                         {"cause", outage.cause}});
  if (outage.end_ns) {
    ports_.log.warn("feed: outage=over duration_s={:.1f} cause=\"{}\"",
                    seconds(Nanoseconds(*outage.end_ns - outage.start_ns)), outage.cause);
  }
}

void SendLog::publish(SteadyTime now) {
  counts_.queue_full = counts_.queue_full_ns = counts_.starved = counts_.starved_ns = 0;
  for (const auto& lane : lane_states_) {
    counts_.queue_full += lane->queue_full.times();
    counts_.queue_full_ns += lane->queue_full.ns();
    counts_.starved += lane->starved.times();
    counts_.starved_ns += lane->starved.ns();
  }
  ports_.metrics.observe_many("send_lateness_seconds", lateness_s_);
  ports_.metrics.observe_many("delivery_duration_seconds", delivery_s_);
  lateness_s_.clear();
  delivery_s_.clear();
  live_.publish({.counts = counts_,
                 .in_flight = counts_.sent - counts_.acknowledged - counts_.failed - counts_.unknown,
                 .due_bytes = tables_.due_bytes(),
                 .debt = debt(after_t0(now)),
                 .latest = std::exchange(latest_, {})},
                now);
}

void SendLog::end_writing() {
  writer_.request_stop();
  if (writer_.joinable()) {
    writer_.join();
  }
}

void SendLog::finish() {
  end_writing();
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  look();
  const SteadyTime now = ports_.clock.now();
  if (const auto outage = outages_.end()) {
    note_outage(*outage);
  }
  write_unknown();
  counts_.never_sent = counts_.planned - counts_.sent - counts_.dropped;
  counts_.dropped += counts_.never_sent;
  publish(now);
  flush();
}

void SendLog::write_unknown() {
  for (std::size_t lane = 0; lane < in_flight_.size(); ++lane) {
    in_flight_[lane].for_each([&](std::uint64_t index, std::int64_t sent_ns) {
      const std::uint64_t id = lanes_.first(lane) + index * lanes_.step();
      sends_.write(plan_.images()[id], {.id = id, .sent_ns = sent_ns, .status = {Fate::unknown, {}}});
      counts_.unknown += 1;
      given_up_ += 1;
    });
  }
}

void SendLog::flush() {
  sends_.flush();
  tables_.flush();
}

std::optional<std::int64_t> SendLog::oldest_in_flight() const {
  std::optional<std::int64_t> oldest;
  for (const InFlight& lane : in_flight_) {
    if (const auto sent = lane.oldest_sent(); sent && (!oldest || *sent < *oldest)) {
      oldest = sent;
    }
  }
  return oldest;
}

Nanoseconds SendLog::debt(std::int64_t now_ns) const {
  std::int64_t next_ns = LaneState::kNothingLeft;
  for (const auto& lane : lane_states_) {
    next_ns = std::min(next_ns, lane->next_intended_ns.load(std::memory_order_relaxed));
  }
  return Nanoseconds(std::max<std::int64_t>(0, now_ns - std::min(next_ns, now_ns)));
}

}  // namespace kexp::feeder
