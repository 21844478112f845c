#include "outage_watch.hpp"

#include <algorithm>
#include <utility>

#include "overload.hpp"

namespace kexp::feeder {

void OutageWatch::answered(std::int64_t time_ns, std::int64_t oldest_sent_ns) {
  const std::int64_t since_ns = silent_since(oldest_sent_ns);
  if (time_ns - since_ns >= kShortestOutage.count()) {
    begin(since_ns);
  }
  if (is_silent()) {
    current_->end_ns = time_ns;
    current_->cause = fault_;
  }
  last_answer_ns_ = time_ns;
  fault_.clear();
}

std::optional<ObservedOutage> OutageWatch::look(std::int64_t now_ns,
                                                std::optional<std::int64_t> oldest_sent_ns, Nanoseconds debt,
                                                const std::function<std::string()>& fault) {
  if (oldest_sent_ns) {
    const std::int64_t since_ns = silent_since(*oldest_sent_ns);
    if (now_ns - since_ns >= kNotable.count()) {
      if (std::string text = fault(); !text.empty()) {
        fault_ = std::move(text);
      }
    }
    if (now_ns - since_ns >= kShortestOutage.count()) {
      begin(since_ns);
    }
  }
  if (!current_ || is_silent() || debt >= kSilentDebt) {
    return std::nullopt;
  }
  current_->caught_up_ns = std::max(*current_->end_ns, last_late_ns_);
  return take();
}

std::optional<ObservedOutage> OutageWatch::end() {
  if (!current_) {
    return std::nullopt;
  }
  if (is_silent()) {
    current_->cause = fault_;
  }
  return take();
}

std::int64_t OutageWatch::silent_since(std::int64_t oldest_sent_ns) const {
  return std::max({last_answer_ns_, stalled_until_ns_, oldest_sent_ns});
}

// One that begins before the sending has caught up goes on with the one before.
void OutageWatch::begin(std::int64_t since_ns) {
  if (!current_) {
    current_ = ObservedOutage{since_ns, {}, {}, {}};
  }
  current_->end_ns.reset();
}

ObservedOutage OutageWatch::take() {
  ObservedOutage outage = std::move(*current_);
  current_.reset();
  if (outage.cause.empty()) {
    outage.cause = kNoAnswer;
  }
  return outage;
}

}  // namespace kexp::feeder
