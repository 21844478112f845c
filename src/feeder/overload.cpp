#include "overload.hpp"

#include <algorithm>

namespace kexp::feeder {

std::int64_t Overload::due(std::int64_t intended_ns) const {
  if (!catching_up_) {
    return intended_ns;
  }
  return std::max(intended_ns, real_begin_ns_ + (intended_ns - plan_begin_ns_) / 2);
}

Overload::Decision Overload::decide(std::int64_t intended_ns, std::int64_t now_ns) const {
  if (now_ns - intended_ns <= max_debt_ns_) {
    return Decision::send;
  }
  switch (policy_) {
    case OnOverload::drop:
      return Decision::drop;
    case OnOverload::fail:
      return Decision::fail;
    case OnOverload::burst:
    case OnOverload::bounded:
      break;
  }
  return Decision::send;
}

void Overload::sent(std::int64_t intended_ns, std::int64_t now_ns) {
  if (policy_ != OnOverload::bounded) {
    return;
  }
  const std::int64_t due_ns = due(intended_ns);
  if (now_ns - due_ns > kSilentDebt.count()) {
    catching_up_ = true;
    real_begin_ns_ = now_ns;
    plan_begin_ns_ = intended_ns;
  } else if (due_ns == intended_ns) {
    catching_up_ = false;
  }
}

}  // namespace kexp::feeder
