#include "broker_clock.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

#include "scratch_topic.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr auto kAnswerBound = 3s;
/// Of each broker; the first record also makes the connection.
constexpr int kReadings = 4;

/// Sends single records and waits for the answer to each.
class Probe {
 public:
  Probe(const std::string& topic, const kafka::ClientOptions& options, const BrokerClockPorts& ports)
      : topic_(topic), clock_(ports.clock) {
    kafka::ProducerOptions producer;
    producer.client = options;
    producer.delivery_timeout = kAnswerBound;
    producer_ = ports.kafka.make_producer(producer, [this](const kafka::DeliveryReport& report) {
      const std::scoped_lock lock(mutex_);
      answer_ = report;
    });
  }

  BrokerClock read(std::int32_t partition, std::int32_t broker, std::stop_token stop) {
    constexpr std::uint8_t kValue = 0;
    kafka::OutgoingRecord record;
    record.topic = topic_;
    record.partition = partition;
    record.value = {&kValue, 1};
    const SteadyTime sent = clock_.now();
    const WallTime sent_wall = clock_.wall_now();
    const bool is_queued = producer_->send(record) == kafka::SendOutcome::queued;
    const std::size_t unanswered = is_queued ? producer_->flush(kAnswerBound, stop) : 1;
    const std::optional<kafka::DeliveryReport> answer = take_answer();
    if (stop.stop_requested()) {
      throw InterruptedError("stopped while asking a broker for its time");
    }
    if (unanswered > 0 || !answer || !answer->error.empty()) {
      throw UnavailableError(fmt::format("broker {} did not take a record: {}", broker,
                                         answer && !answer->error.empty() ? answer->error : "no answer"));
    }
    if (!answer->log_append_ms) {
      throw FailedError(fmt::format("broker {} told no time", broker));
    }
    const Nanoseconds round_trip = answer->time - sent;
    const WallTime middle = sent_wall + round_trip / 2;
    const WallTime told = WallTime(std::chrono::milliseconds(*answer->log_append_ms)) + 500us;
    return {broker, told - middle, round_trip / 2 + 500us};
  }

 private:
  std::optional<kafka::DeliveryReport> take_answer() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(answer_, std::nullopt);
  }

  const std::string& topic_;
  Clock& clock_;
  std::mutex mutex_;
  std::optional<kafka::DeliveryReport> answer_;  // Guarded by mutex_.
  std::unique_ptr<kafka::Producer> producer_;    // Last: it reports to what is above.
};

}  // namespace

std::vector<BrokerClock> measure_broker_clocks(const std::vector<std::int32_t>& brokers,
                                               const kafka::ClientOptions& options,
                                               const BrokerClockPorts& ports, std::stop_token stop) {
  const ScratchTopic scratch(ports.admin, ports.log, "kexp-clock-", [&](const std::string& name) {
    kafka::Properties settings = scratch_settings();
    settings.emplace_back("message.timestamp.type", "LogAppendTime");
    settings.emplace_back("min.insync.replicas", "1");
    ports.admin.create_topic_on(name, brokers, settings);
  });
  Probe probe(scratch.name(), options, ports);
  std::vector<BrokerClock> clocks;
  for (std::size_t i = 0; i < brokers.size(); ++i) {
    const auto partition = static_cast<std::int32_t>(i);
    clocks.push_back(probe.read(partition, brokers[i], stop));
    for (int reading = 1; reading < kReadings; ++reading) {
      const BrokerClock again = probe.read(partition, brokers[i], stop);
      if (again.uncertainty < clocks.back().uncertainty) {
        clocks.back() = again;
      }
    }
  }
  return clocks;
}

}  // namespace kexp::feeder
