#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/log.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::feeder {

/// How far the wall clock of a broker is from ours.
struct BrokerClock {
  std::int32_t broker = 0;
  Nanoseconds ahead{0};        ///< Its clock − ours; negative when it is behind.
  Nanoseconds uncertainty{0};  ///< Half the round trip, and half the millisecond that a broker tells.
};

struct BrokerClockPorts {
  kafka::ClientFactory& kafka;
  kafka::Admin& admin;
  Clock& clock;
  Log& log;
};

/// Measures the clocks of `brokers`: a scratch topic with a partition on each, whose records the brokers
/// stamp themselves (LogAppendTime); the answer of the shortest round trip counts, as in NTP.
///
/// Takes a fraction of a second, at most 3 s a broker; the scratch topic is gone afterwards on every path.
/// Errors: those of Kafka; UnavailableError when an answer does not come; InterruptedError on stop.
[[nodiscard]] std::vector<BrokerClock> measure_broker_clocks(const std::vector<std::int32_t>& brokers,
                                                             const kafka::ClientOptions& options,
                                                             const BrokerClockPorts& ports,
                                                             std::stop_token stop);

}  // namespace kexp::feeder
