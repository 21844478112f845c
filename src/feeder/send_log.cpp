#include "send_log.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr auto kWriteInterval = 200ms;
constexpr auto kProgressInterval = 5s;

std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

SendLog::SendLog(const cycle::Plan& plan, const std::filesystem::path& sends_csv, std::string topic,
                 const Clock& clock, Progress& progress, telemetry::Metrics& metrics)
    : plan_(plan),
      topic_(std::move(topic)),
      clock_(clock),
      progress_(progress),
      metrics_(metrics),
      file_(sends_csv, AppendFile::Existing::refuse),
      states_(plan.images().size()) {
  file_.write("id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n");
  file_.flush();
  metrics_.set("planned_records", static_cast<double>(plan.images().size()));
}

SendLog::~SendLog() = default;

void SendLog::start(SteadyTime t0, WallTime t0_wall) {
  t0_ = t0;
  t0_unix_ns_ = unix_ns(t0_wall);
  next_progress_ = t0 + kProgressInterval;
  writer_ = std::jthread([this](std::stop_token stop) { loop(std::move(stop)); });
}

void SendLog::sending(std::uint64_t id, SteadyTime now) {
  states_[id].sent_ns = (now - t0_).count();
  states_[id].status = SendStatus::sent;
}

void SendLog::accepted(std::uint64_t id, SteadyTime now) {
  // states_[id] belongs to the delivery report by now.
  const cycle::PlannedImage& image = plan_.images()[id];
  const std::int64_t lateness_ns = (now - t0_).count() - as_signed(image.intended_ns);
  sent_.fetch_add(1, std::memory_order_relaxed);
  sent_bytes_.fetch_add(as_signed(image.bytes), std::memory_order_relaxed);
  if (lateness_ns > worst_lateness_ns_.load(std::memory_order_relaxed)) {
    worst_lateness_ns_.store(lateness_ns, std::memory_order_relaxed);
  }
  metrics_.observe("send_lateness_seconds", static_cast<double>(lateness_ns) / 1e9);
}

void SendLog::reported(const kafka::DeliveryReport& report) {
  const std::lock_guard lock(mutex_);
  reports_.push_back(report);
}

void SendLog::loop(std::stop_token stop) {
  try {
    bool go_on = true;
    while (go_on) {
      std::vector<kafka::DeliveryReport> reports;
      {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, kWriteInterval, [] { return false; });
        go_on = !stop.stop_requested();
        reports.swap(reports_);
      }
      write_reports(reports);
      publish();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    broken_ = true;
  }
}

void SendLog::write_reports(std::vector<kafka::DeliveryReport>& reports) {
  for (const kafka::DeliveryReport& report : reports) {
    SendState& state = states_[report.tag];
    state.acked_ns = (report.time - t0_).count();
    state.offset = report.offset;
    if (report.error.empty()) {
      state.status = SendStatus::acknowledged;
      written_.acknowledged += 1;
      written_.acknowledged_bytes += as_signed(plan_.images()[report.tag].bytes);
      const auto intended_ns = as_signed(plan_.images()[report.tag].intended_ns);
      metrics_.observe("delivery_duration_seconds", static_cast<double>(state.acked_ns - intended_ns) / 1e9);
      write_row(report.tag, "acknowledged");
    } else {
      state.status = SendStatus::failed;
      written_.failed += 1;
      write_row(report.tag, fmt::format("failed:{}", report.error));
      const std::lock_guard lock(mutex_);
      if (first_failure_.empty()) {
        first_failure_ = fmt::format("image {}: {}", report.tag, report.error);
      }
    }
  }
  file_.flush();
}

void SendLog::write_row(std::uint64_t id, std::string_view status) {
  const cycle::PlannedImage& image = plan_.images()[id];
  const SendState& state = states_[id];
  const auto unix_time = [&](std::int64_t after_t0) { return t0_unix_ns_ + after_t0; };
  const bool has_answer = state.status == SendStatus::acknowledged || state.status == SendStatus::failed;
  file_.write(fmt::format("{},{},{},{},{},{},{},{}\n", id, image.bytes, image.partition,
                          state.offset >= 0 ? fmt::to_string(state.offset) : "",
                          unix_time(as_signed(image.intended_ns)), unix_time(state.sent_ns),
                          has_answer ? fmt::to_string(unix_time(state.acked_ns)) : "", status));
}

void SendLog::publish() {
  written_.sent = sent_.load(std::memory_order_relaxed);
  written_.sent_bytes = sent_bytes_.load(std::memory_order_relaxed);
  written_.queue_full = queue_full_.load(std::memory_order_relaxed);
  const auto add = [&](std::string_view name, std::int64_t now, std::int64_t before, bool labelled) {
    if (now > before) {
      metrics_.add(name, static_cast<double>(now - before),
                   labelled ? std::vector<std::string>{topic_} : std::vector<std::string>{});
    }
  };
  add("records_sent_total", written_.sent, published_.sent, true);
  add("bytes_sent_total", written_.sent_bytes, published_.sent_bytes, true);
  add("records_acknowledged_total", written_.acknowledged, published_.acknowledged, true);
  add("bytes_acknowledged_total", written_.acknowledged_bytes, published_.acknowledged_bytes, true);
  add("records_failed_total", written_.failed, published_.failed, true);
  add("queue_full_total", written_.queue_full, published_.queue_full, false);
  metrics_.set("in_flight_records",
               static_cast<double>(written_.sent - written_.acknowledged - written_.failed));

  const SteadyTime now = clock_.now();
  const double elapsed_s = seconds(now - t0_);
  const bool in_plan = elapsed_s >= 0 && elapsed_s < plan_.duration_s();
  metrics_.set("offered_bytes_per_second",
               in_plan ? plan_.segments()[plan_.segment_at(elapsed_s)].target_bytes_per_s : 0);
  const auto next = static_cast<std::size_t>(written_.sent);  // Images are sent in the order of the plan.
  const double due_s =
      next < plan_.images().size() ? static_cast<double>(plan_.images()[next].intended_ns) / 1e9 : elapsed_s;
  metrics_.set("schedule_debt_seconds", std::max(0.0, elapsed_s - due_s));
  if (now >= next_progress_) {
    const auto planned = as_signed(plan_.images().size());
    progress_.report({"feed",
                      "progress",
                      {{"sent", written_.sent},
                       {"planned", planned},
                       {"acknowledged", written_.acknowledged},
                       {"mean_mbps", static_cast<double>(written_.sent_bytes) / elapsed_s / 1e6},
                       {"late_max_ms", static_cast<double>(worst_lateness_ns_.exchange(0)) / 1e6},
                       {"eta_s", std::max(0.0, plan_.duration_s() - elapsed_s)}}});
    next_progress_ = now + kProgressInterval;
  }
  published_ = written_;
}

void SendLog::finish() {
  writer_.request_stop();
  if (writer_.joinable()) {
    writer_.join();
  }
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  std::vector<kafka::DeliveryReport> last;
  {
    const std::lock_guard lock(mutex_);  // The producer may still report.
    last.swap(reports_);
  }
  write_reports(last);
  for (std::uint64_t id = 0; id < states_.size(); ++id) {
    if (states_[id].status == SendStatus::sent) {
      written_.unknown += 1;
      write_row(id, "unknown");
    }
  }
  publish();
  metrics_.add("records_dropped_total", static_cast<double>(as_signed(plan_.images().size()) - written_.sent),
               {topic_});
  file_.flush();
}

SendCounts SendLog::counts() const {
  SendCounts counts = written_;
  counts.planned = as_signed(plan_.images().size());
  return counts;
}

std::string SendLog::first_failure() const {
  const std::lock_guard lock(mutex_);
  return first_failure_;
}

}  // namespace kexp::feeder
