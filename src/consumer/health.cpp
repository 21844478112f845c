#include "health.hpp"

#include <fmt/format.h>

namespace kexp::consumer {

void Health::enter(Phase phase) {
  phase_ = phase;
  alive();
}

telemetry::Endpoint::Check Health::ready() const {
  switch (phase_.load()) {
    case Phase::loading_model:
      return {false, "loading the model"};
    case Phase::waiting_for_broker:
      return {false, "waiting for the broker"};
    case Phase::stopping:
      return {false, "stopping"};
    case Phase::member:
      break;
  }
  const std::size_t partitions = exchange_.state().partitions.size();
  if (partitions == 0) {
    return {false,
            "no partitions assigned: still joining, or the group has as many members as the topic has "
            "partitions"};
  }
  return {true, fmt::format("{} partitions assigned", partitions)};
}

telemetry::Endpoint::Check Health::healthy() const {
  const SteadyTime now = clock_.now();
  const Exchange::State state = exchange_.state();
  if (!state.in_work.empty() && now - state.in_work.front().since > stuck_after_) {
    const Exchange::Work& oldest = state.in_work.front();
    return {false, fmt::format("partition {} offset {} has been in work for {:.0f} s",
                               oldest.ticket.partition, oldest.ticket.offset, seconds(now - oldest.since))};
  }
  if (state.full_since && now - *state.full_since > stuck_after_) {
    return {false, fmt::format("no message could be taken for {:.0f} s: {} answers are not acknowledged",
                               seconds(now - *state.full_since), state.unacknowledged)};
  }
  if (now - alive_.load() > stuck_after_) {
    return {false, fmt::format("the poll loop has stood still for {:.0f} s", seconds(now - alive_.load()))};
  }
  return {true, "working"};
}

}  // namespace kexp::consumer
