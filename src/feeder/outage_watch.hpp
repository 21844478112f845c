#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "kexp/core/clock.hpp"

namespace kexp::feeder {

/// The cause of an outage of which the client knows nothing.
inline constexpr std::string_view kNoAnswer = "no answer from the broker";

/// A time in which the broker answered nothing although images were in flight; in ns after t0.
struct ObservedOutage {
  std::int64_t start_ns = 0;           ///< Last answer before it; or the send that first went without one.
  std::optional<std::int64_t> end_ns;  ///< First answer after it; none came.
  std::optional<std::int64_t> caught_up_ns;  ///< When the sending was on its plan again; it never was.
  std::string cause;
};

/// Finds outages: no answer for kShortestOutage or longer while something was in flight. What the client
/// itself says of an image (it gave up waiting) is no answer.
///
/// Pure: it is told everything, in the order of time. Times are ns after t0.
class OutageWatch {
 public:
  static constexpr Nanoseconds kShortestOutage = std::chrono::seconds(1);
  /// A silence that is worth asking the client what it knows.
  static constexpr Nanoseconds kNotable = std::chrono::milliseconds(200);

  /// An answer of the broker; the oldest image that was in flight until then was sent at `oldest_sent_ns`.
  void answered(std::int64_t time_ns, std::int64_t oldest_sent_ns);
  /// An image was sent, or dropped, later than kSilentDebt behind the plan.
  void late(std::int64_t time_ns) { last_late_ns_ = time_ns; }
  /// This process stood still until now: the silence so far says nothing of the broker.
  void stalled_until(std::int64_t time_ns) { stalled_until_ns_ = time_ns; }

  /// How things are now: `oldest_sent_ns` of what is in flight, `debt` of the sending, and `fault`, what the
  /// client says. Returns an outage that is over and caught up.
  [[nodiscard]] std::optional<ObservedOutage> look(std::int64_t now_ns,
                                                   std::optional<std::int64_t> oldest_sent_ns,
                                                   Nanoseconds debt,
                                                   const std::function<std::string()>& fault);
  /// The outage that is still there at the end of a run.
  [[nodiscard]] std::optional<ObservedOutage> end();
  /// Whether the broker is silent now.
  [[nodiscard]] bool is_silent() const { return current_ && !current_->end_ns; }
  /// What the client said of the silence that is now, or was last.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

  [[nodiscard]] std::int64_t silent_since(std::int64_t oldest_sent_ns) const;
  void begin(std::int64_t since_ns);
  [[nodiscard]] ObservedOutage take();

  std::int64_t last_answer_ns_ = kNever;
  std::int64_t stalled_until_ns_ = kNever;
  std::int64_t last_late_ns_ = kNever;
  std::string fault_;
  std::optional<ObservedOutage> current_;  // It is over when it has an end, but the sending may be behind.
};

}  // namespace kexp::feeder
