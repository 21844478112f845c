#pragma once

/// What the consumer's threads share: messages on their way to the streams, answers without an
/// acknowledgement, and the ledger of offsets. One lock; nothing slow happens under it.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/record/result.hpp"

#include "decoded_image.hpp"
#include "offset_ledger.hpp"

namespace kexp::consumer {

/// A message for a stream.
struct Task {
  Ticket ticket;
  std::unique_ptr<kafka::Message> message;
  std::optional<DecodedImage> decoded;  ///< When that was done ahead.
};

/// A message that waits for a stream.
struct QueuedTask {
  enum class Stage { waiting, decoding, decoded };
  Task task;
  Stage stage = Stage::waiting;
};

/// An answer, kept until it is acknowledged so that it can be sent again.
struct Answer {
  Ticket ticket;
  record::Result result;
  std::string text;  ///< The JSON of `result`.
  /// What is sent next: the text, or, where the broker has refused its size, an answer that says so.
  enum class Form { whole, shortened } form = Form::whole;
};

struct ExchangeOptions {
  /// Streams that take messages, one at a time each.
  std::size_t streams = 1;
  std::size_t queued_messages = 2;
  /// With so many answers not acknowledged, no stream takes a new message.
  std::size_t unacknowledged_answers = 256;
  std::chrono::milliseconds first_retry{100};   ///< Doubles with each failure of an answer …
  std::chrono::milliseconds last_retry{5'000};  ///< … up to this.
  /// Up to here `revoke` and `drain` wait longer than told where images take long.
  std::chrono::milliseconds longest_wait{20'000};
};

/// Threads: the poll thread, those of the streams, the decoder's and the producer's delivery thread; `state`
/// from any.
class Exchange {
 public:
  explicit Exchange(const Clock& clock, ExchangeOptions options = {}) : clock_(clock), options_(options) {}

  // The poll thread.

  void assign(const std::vector<std::int32_t>& partitions);
  /// Drops queued messages of these partitions, waits until those in work are answered and all their answers
  /// are acknowledged, and forgets them; what to store before they go.
  ///
  /// Waits at most `bound`, or twice the longest time that an image took (`longest_wait` at most); with a
  /// bound of 0 not at all.
  [[nodiscard]] std::vector<kafka::PartitionOffset> revoke(const std::vector<std::int32_t>& partitions,
                                                           std::chrono::milliseconds bound);
  /// Forgets partitions that others have already.
  void lose(const std::vector<std::int32_t>& partitions);
  /// True when `give` has room; false after `timeout`, on stop, or when a stream failed.
  [[nodiscard]] bool wait_for_room(std::chrono::milliseconds timeout, std::stop_token stop);
  /// Takes a message also when there is no room.
  void give(std::unique_ptr<kafka::Message> message);
  [[nodiscard]] std::vector<kafka::PartitionOffset> take_storable();
  /// Drops queued messages, waits for those in work and for all acknowledgements, as `revoke`; false when
  /// some are still missing at the bound.
  bool drain(std::chrono::milliseconds bound);
  /// Tells the streams and the decoder to end.
  void close();
  /// Throws what ended a stream, if anything did.
  void rethrow_failure();

  // The streams.

  /// A message to work on, or an answer to send again; nullopt when there is nothing more to do.
  [[nodiscard]] std::optional<std::variant<Task, std::shared_ptr<Answer>>> next();
  /// A message in work has this answer, which is about to be sent; false when its partition is no longer
  /// ours: whoever has it answers, too.
  [[nodiscard]] bool post(const std::shared_ptr<Answer>& answer);
  /// A message in work is done, without an answer.
  void complete(const Ticket& ticket);
  /// This answer was not taken; it comes back from `next` after a while, unless going on is hopeless.
  void refused(const Ticket& ticket, const kafka::KafkaError& error);
  /// The client's queue was full.
  void postpone(const Ticket& ticket);
  /// The caller cannot go on, so nobody does.
  void fail(std::exception_ptr failure);

  // The decoder.

  /// One of the next messages, as many as there are streams, to be decoded while all streams are busy;
  /// nullptr when there is nothing more to do. It is the caller's until it is given to `decoded`.
  [[nodiscard]] std::shared_ptr<QueuedTask> next_to_decode();
  void decoded(QueuedTask& queued);

  // The delivery thread.

  void on_report(const kafka::DeliveryReport& report);

  /// A message that a stream has.
  struct Work {
    Ticket ticket;
    SteadyTime since;
  };
  struct State {
    std::vector<std::int32_t> partitions;  ///< Ours, ascending.
    std::size_t unacknowledged = 0;
    std::vector<Work> in_work;             ///< The oldest first.
    std::size_t queued = 0;                ///< Messages that no stream has.
    std::optional<SteadyTime> full_since;  ///< There is no room, and no stream has taken anything since.
    std::uint64_t acknowledged = 0;
    std::uint64_t resent = 0;
    std::uint64_t shortened = 0;  ///< Of the acknowledged.
    std::string refused;  ///< Why an answer that waits to be sent again was refused; empty: none does.
  };
  [[nodiscard]] State state() const;

 private:
  using RealTime = std::chrono::steady_clock::time_point;
  struct Unacknowledged {
    std::shared_ptr<Answer> answer;
    int failures = 0;
    std::optional<RealTime> resend_at;  // None: it is under way.
    std::string refused;                // Why it was not delivered before.
  };

  // With mutex_ held.
  void messages_gone();
  void drop_queued(const std::vector<std::int32_t>* partitions);
  void forget(const std::vector<std::int32_t>& partitions);
  [[nodiscard]] bool wait_until_answered(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds bound,
                                         const std::vector<std::int32_t>* partitions);
  [[nodiscard]] std::optional<RealTime> next_resend() const;
  [[nodiscard]] std::shared_ptr<Answer> take_due_answer();
  void schedule(Unacknowledged& waiting);
  void send_shorter(Unacknowledged& waiting);
  void not_delivered(std::uint64_t number, const kafka::KafkaError& error);
  void leave_work(const Ticket& ticket);
  [[nodiscard]] bool has_message_for_stream() const;
  void end(std::exception_ptr failure);

  const Clock& clock_;
  const ExchangeOptions options_;
  mutable std::mutex mutex_;
  // Apart, so that the poll thread is not woken several times for each image only to see that there is no
  // room: under a quota of one CPU its wake-ups are taken from inference.
  std::condition_variable_any room_;
  std::condition_variable_any changed_;
  // All below is guarded by mutex_.
  OffsetLedger ledger_;
  std::deque<std::shared_ptr<QueuedTask>> queue_;
  std::optional<SteadyTime> full_since_;
  std::map<std::uint64_t, Unacknowledged> unacknowledged_;  // By ticket number.
  std::vector<Work> in_work_;                               // In the order of taking.
  Nanoseconds longest_work_{};
  std::exception_ptr failure_;
  bool closed_ = false;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t resent_ = 0;
  std::uint64_t shortened_ = 0;
};

}  // namespace kexp::consumer
