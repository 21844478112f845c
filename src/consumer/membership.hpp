#pragma once

#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/consumer/consumer.hpp"
#include "kexp/core/clock.hpp"
#include "kexp/core/cpu_quota.hpp"
#include "kexp/kafka/client.hpp"

#include "answer_sender.hpp"
#include "cpu_plan.hpp"
#include "exchange.hpp"
#include "health.hpp"
#include "lag_watch.hpp"
#include "metrics.hpp"
#include "start.hpp"
#include "streams.hpp"

namespace kexp::consumer {

/// Serves the group's rebalances, on the poll thread.
class GroupListener final : public kafka::RebalanceListener {
 public:
  GroupListener(Exchange& exchange, const ConsumerPorts& ports, std::chrono::milliseconds revoke_wait)
      : exchange_(exchange), ports_(ports), revoke_wait_(revoke_wait) {}

  /// The consumer that calls us, once it is made.
  void serve(kafka::Consumer& consumer) { consumer_ = &consumer; }
  /// What is revoked from now on was drained already.
  void stop_waiting() { revoke_wait_ = std::chrono::milliseconds(0); }
  /// Whether the group has answered.
  [[nodiscard]] bool joined() const { return joined_; }

  void on_assigned(const std::vector<std::int32_t>& partitions) override;
  void on_revoked(const std::vector<std::int32_t>& partitions) override;
  void on_lost(const std::vector<std::int32_t>& partitions) override;

 private:
  void report(const std::string& event, const std::vector<std::int32_t>& partitions);

  Exchange& exchange_;
  const ConsumerPorts& ports_;
  std::chrono::milliseconds revoke_wait_;
  kafka::Consumer* consumer_ = nullptr;
  bool joined_ = false;
};

/// One life of a consumer that is ready, as a member of its group. Everything referred to outlives it.
class Membership {
 public:
  struct Parts {
    const ConsumerOptions& options;
    const ConsumerPorts& ports;
    const CpuPlan& plan;
    const image::DecodeLimits& picture_limits;
    Exchange& exchange;
    Health& health;
    const ThrottleMeter& throttling;
    kafka::Producer* producer = nullptr;  ///< Without one no answers are sent.
    SteadyTime begun;                     ///< Of the start, whose stages are told once it has joined.
  };
  Membership(const Parts& parts, Ready ready);

  /// Works until `stop`, and leaves the group.
  [[nodiscard]] ConsumerResult run(const std::stop_token& stop);

 private:
  [[nodiscard]] std::unique_ptr<kafka::Consumer> make_consumer() const;
  void poll_until(const std::stop_token& stop);
  [[nodiscard]] bool is_blocked() const;
  void poll(std::chrono::milliseconds timeout);
  void check_names(const kafka::Message& message);
  void ignore_name(const char* name, const kafka::Message& message);
  void store_offsets();

  void drain();
  void leave();
  void end_streams();
  [[nodiscard]] std::chrono::milliseconds left_to_stop() const;

  void show_figures();
  void tell_start();
  void tell_refusals(const Exchange::State& state);
  void report_progress(SteadyTime now);
  [[nodiscard]] ConsumerResult result();

  // In the order in which they need each other.
  const Parts parts_;
  const ConsumerOptions& options_;
  const ConsumerPorts& ports_;
  Exchange& exchange_;
  Ready ready_;
  Meters meters_;
  std::optional<AnswerSender> sender_;
  Streams streams_;
  GroupListener listener_;
  std::unique_ptr<kafka::Consumer> consumer_;
  LagWatch lag_;
  bool start_told_ = false;
  std::set<std::string> ignored_told_;
  std::string refused_told_;
  bool shortened_told_ = false;
  SteadyTime metrics_since_{};
  SteadyTime progress_since_{};
  SteadyTime stop_by_ = SteadyTime::max();
  std::uint64_t reported_ = 0;
  Exchange::State before_leaving_;
};

}  // namespace kexp::consumer
