#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "handles.hpp"

namespace kexp::kafka {

/// Says when a queue that was full has room for another fetch. Pure; one thread at a time.
class FetchLevel {
 public:
  /// The library fetches no more with so many records, or so many bytes, in its queue.
  FetchLevel(std::size_t records, std::int64_t bytes) : records_(records), bytes_(bytes) {}

  /// A record of so many bytes left the queue, in which `queued` are left: true once it is half empty.
  [[nodiscard]] bool taken(std::size_t queued, std::size_t bytes);

 private:
  const std::size_t records_;
  const std::int64_t bytes_;
  std::int64_t largest_ = 1;
  std::size_t full_ = 0;  // Records in the queue when it was full; 0: it was not, since the last fetch.
};

/// Makes an old client fetch again as soon as its queue has room.
///
/// librdkafka before 2.2 has no fetch.queue.backoff.ms: the thread of a broker finds the queue full, and
/// looks again when something happens on its connection, or after a second, in which a short queue runs dry.
/// An answer to a question is something: we ask for the ends of our partitions, on a thread of our own, as
/// often as the queue has half emptied. Threads: `taken` one at a time; `client` outlives it.
class Refill {
 public:
  Refill(rd_kafka_t& client, FetchLevel level);

  /// After each record that was polled.
  void taken(std::size_t queued, std::size_t bytes);

 private:
  void run(std::stop_token stop);
  void wake_leaders();

  rd_kafka_t& client_;
  FetchLevel level_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool wanted_ = false;  // Guarded by mutex_.
  std::jthread thread_;  // Last member.
};

}  // namespace kexp::kafka
