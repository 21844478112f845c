#include "pacer.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include "kexp/record/message.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr auto kQueueFullPause = 1ms;

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

/// Hands a record to the producer; false when its queue is full. What it did not take counts as not sent.
bool offer(const kafka::OutgoingRecord& record, kafka::Producer& producer, SendLog& log, const Clock& clock) {
  const SteadyTime now = clock.now();
  log.sending(record.tag, now);
  try {
    if (producer.send(record) == kafka::SendOutcome::queued) {
      log.accepted(record.tag, now);
      return true;
    }
  } catch (...) {
    log.gave_up(record.tag);
    throw;
  }
  log.gave_up(record.tag);
  return false;
}

}  // namespace

std::uint64_t pace(const Sending& sending, kafka::Producer& producer, SendLog& log, Clock& clock,
                   std::stop_token stop) {
  use_precise_timers();
  const auto& images = sending.plan.images();
  for (std::uint64_t id = 0; id < images.size(); ++id) {
    const cycle::PlannedImage& image = images[id];
    const std::int64_t intended_ns = static_cast<std::int64_t>(image.intended_ns);
    if (log.broken() || !clock.sleep_until(sending.t0 + Nanoseconds(intended_ns), stop)) {
      return id;
    }
    const std::int64_t intended_unix_ns = sending.t0_unix_ns + intended_ns;
    const Decimal key(id);
    const Decimal segment(image.segment);
    const Decimal intended(static_cast<std::uint64_t>(intended_unix_ns));
    const std::array headers = {kafka::Header{record::kRunHeader, sending.run_id},
                                kafka::Header{record::kSegmentHeader, segment.view()},
                                kafka::Header{record::kIntendedHeader, intended.view()}};
    kafka::OutgoingRecord record;
    record.topic = sending.topic;
    record.partition = static_cast<std::int32_t>(image.partition);
    record.key = key.view();
    record.value = sending.dataset.items()[image.dataset_index].bytes;
    record.headers = headers;
    record.timestamp_ms = intended_unix_ns / 1'000'000;
    record.tag = id;
    record.ownership = kafka::OutgoingRecord::Value::borrowed;
    while (!offer(record, producer, log, clock)) {
      log.queue_was_full();
      if (log.broken() || !clock.sleep_for(kQueueFullPause, stop)) {
        return id;
      }
    }
  }
  return images.size();
}

}  // namespace kexp::feeder
