#include "pacer.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "kexp/record/message.hpp"

#include "wake_ups.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetryPause = 1ms;

/// Decimal text without an allocation.
class Decimal {
 public:
  explicit Decimal(std::uint64_t value)
      : end_(std::to_chars(text_.data(), text_.data() + text_.size(), value).ptr) {}
  [[nodiscard]] std::string_view view() const {
    return {text_.data(), static_cast<std::size_t>(end_ - text_.data())};
  }

 private:
  std::array<char, 20> text_{};
  char* end_;
};

/// The record of one image, which lives as long as this.
class ImageRecord {
 public:
  ImageRecord(const Sending& sending, std::uint64_t id, const cycle::PlannedImage& image)
      : intended_unix_ns_(sending.t0_unix_ns + static_cast<std::int64_t>(image.intended_ns)),
        key_(id),
        segment_(image.segment),
        intended_(static_cast<std::uint64_t>(intended_unix_ns_)),
        headers_{{{record::kRunHeader, sending.run_id},
                  {record::kSegmentHeader, segment_.view()},
                  {record::kIntendedHeader, intended_.view()}}} {
    record_.topic = sending.topic;
    record_.partition = static_cast<std::int32_t>(image.partition);
    record_.key = key_.view();
    record_.headers = headers_;
    record_.timestamp_ms = intended_unix_ns_ / 1'000'000;
    record_.tag = id;
    record_.ownership = kafka::OutgoingRecord::Value::borrowed;
  }
  ImageRecord(const ImageRecord&) = delete;  // It points into itself.
  ImageRecord& operator=(const ImageRecord&) = delete;

  [[nodiscard]] const kafka::OutgoingRecord& with(std::span<const std::uint8_t> bytes) {
    record_.value = bytes;
    return record_;
  }

 private:
  std::int64_t intended_unix_ns_;
  Decimal key_, segment_, intended_;
  std::array<kafka::Header, 3> headers_;
  kafka::OutgoingRecord record_;
};

class Pacer {
 public:
  Pacer(const Sending& sending, LaneState& state, Overload overload, kafka::Producer& producer, Clock& clock,
        std::stop_token stop)
      : sending_(sending),
        state_(state),
        overload_(overload),
        producer_(producer),
        clock_(clock),
        stop_(std::move(stop)) {}

  std::optional<Overloaded> run(const Lanes& lanes, std::size_t lane) {
    use_precise_timers();
    play_all(lanes, lane);
    state_.next_intended_ns.store(LaneState::kNothingLeft, std::memory_order_relaxed);
    return overloaded_;
  }

 private:
  void play_all(const Lanes& lanes, std::size_t lane) {
    const auto& images = sending_.plan.images();
    for (std::uint64_t id = lanes.first(lane); id < images.size(); id += lanes.step()) {
      const cycle::PlannedImage& image = images[id];
      const auto intended_ns = static_cast<std::int64_t>(image.intended_ns);
      state_.next_intended_ns.store(intended_ns, std::memory_order_relaxed);
      if (!wait_for(overload_.due(intended_ns)) || !play(id, image)) {
        return;
      }
    }
  }

  /// Waits until the wake-up of what is due at `due_ns`; false on stop.
  bool wait_for(std::int64_t due_ns) {
    const WakeUp wake_up = wake_ups_.next(due_ns);
    const SteadyTime deadline = sending_.t0 + Nanoseconds(wake_up.time_ns);
    return wake_up.is_sharp ? clock_.sleep_until_sharply(deadline, stop_)
                            : clock_.sleep_until(deadline, stop_);
  }

  /// Sends or drops an image; false when that was ended.
  bool play(std::uint64_t id, const cycle::PlannedImage& image) {
    const auto intended_ns = static_cast<std::int64_t>(image.intended_ns);
    ImageRecord record(sending_, id, image);
    for (;;) {
      const std::int64_t now_ns = (clock_.now() - sending_.t0).count();
      switch (overload_.decide(intended_ns, now_ns)) {
        case Overload::Decision::drop:
          state_.events.push({id, now_ns, SendEvent::What::dropped});
          sending_.source.release(id);
          return true;
        case Overload::Decision::fail:
          overloaded_ = Overloaded{id, Nanoseconds(now_ns - intended_ns)};
          return false;
        case Overload::Decision::send:
          break;
      }
      const auto bytes = sending_.source.get(id);
      if (bytes && producer_.send(record.with(*bytes)) == kafka::SendOutcome::queued) {
        state_.events.push({id, now_ns, SendEvent::What::sent});
        overload_.sent(intended_ns, now_ns);
        return true;
      }
      if (!wait(bytes ? state_.queue_full : state_.starved, now_ns)) {
        return false;
      }
    }
  }

  bool wait(Waiting& waiting, std::int64_t since_ns) {
    const bool go_on = clock_.sleep_for(kRetryPause, stop_);
    waiting.add((clock_.now() - sending_.t0).count() - since_ns);
    return go_on;
  }

  const Sending& sending_;
  LaneState& state_;
  Overload overload_;
  WakeUps wake_ups_;
  kafka::Producer& producer_;
  Clock& clock_;
  std::stop_token stop_;
  std::optional<Overloaded> overloaded_;
};

}  // namespace

std::optional<Overloaded> pace(const Sending& sending, const Lanes& lanes, std::size_t lane, LaneState& state,
                               Overload overload, kafka::Producer& producer, Clock& clock,
                               std::stop_token stop) {
  return Pacer(sending, state, overload, producer, clock, std::move(stop)).run(lanes, lane);
}

}  // namespace kexp::feeder
