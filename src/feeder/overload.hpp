#pragma once

#include <cstdint>

#include "kexp/core/clock.hpp"
#include "kexp/feeder/feeder.hpp"

namespace kexp::feeder {

/// A debt of so much is repaid at once, whatever the policy.
inline constexpr Nanoseconds kSilentDebt = std::chrono::milliseconds(10);

/// When an image may be sent, and what becomes of one that is late. Pure; times are ns after t0.
///
/// Debt is how far the sending is behind the plan. While `bounded` repays one above kSilentDebt, an image
/// intended at p is due at max(p, r0 + (p − p0)/2), where the catch-up began at r0 with the image of p0: at
/// most twice the planned rate until real time and plan meet again.
/// Threads: one at a time; each pacing thread has its own.
class Overload {
 public:
  Overload(OnOverload policy, Nanoseconds max_debt) : policy_(policy), max_debt_ns_(max_debt.count()) {}

  /// The earliest moment for an image. Requires: images come in the order of the plan.
  [[nodiscard]] std::int64_t due(std::int64_t intended_ns) const;

  enum class Decision { send, drop, fail };
  /// What is done with an image that could be offered to the producer at `now_ns`.
  [[nodiscard]] Decision decide(std::int64_t intended_ns, std::int64_t now_ns) const;

  /// The producer took the image at `now_ns`.
  void sent(std::int64_t intended_ns, std::int64_t now_ns);

 private:
  OnOverload policy_;
  std::int64_t max_debt_ns_;
  bool catching_up_ = false;
  std::int64_t real_begin_ns_ = 0;  // r0
  std::int64_t plan_begin_ns_ = 0;  // p0
};

}  // namespace kexp::feeder
