#pragma once

#include <chrono>

#include "kexp/kafka/options.hpp"

namespace kexp::kafka {

/// Times that must fit together for a member to stay in its group.
struct GroupTimeouts {
  std::chrono::milliseconds session;    ///< A member that is silent for so long is out.
  std::chrono::milliseconds heartbeat;  ///< At most a third of that, so that one may be lost.
  std::chrono::milliseconds max_poll;   ///< At least that, or the client refuses it.
};

/// Those of `options`. A session timeout given by -X counts like ours, or heartbeats would still come every
/// 3 s and a session of 3 s would be lost again and again.
[[nodiscard]] GroupTimeouts group_timeouts(const ConsumerOptions& options);

}  // namespace kexp::kafka
