#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "kexp/kafka/client.hpp"

namespace kexp::kafka {

/// Calls a C library's own destroyer.
template <auto Destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* handle) const {
    Destroy(handle);
  }
};
template <typename T, auto Destroy>
using Handle = std::unique_ptr<T, Destroyer<Destroy>>;

using ClientHandle = Handle<rd_kafka_t, rd_kafka_destroy>;
using ConfHandle = Handle<rd_kafka_conf_t, rd_kafka_conf_destroy>;
using ErrorHandle = Handle<rd_kafka_error_t, rd_kafka_error_destroy>;
using EventHandle = Handle<rd_kafka_event_t, rd_kafka_event_destroy>;
using HeadersHandle = Handle<rd_kafka_headers_t, rd_kafka_headers_destroy>;
using QueueHandle = Handle<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using TopicHandle = Handle<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using PartitionList = Handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

/// The list of C, to be walked.
inline std::span<rd_kafka_topic_partition_t> elements(const rd_kafka_topic_partition_list_t& list) {
  return {list.elems, static_cast<std::size_t>(list.cnt)};
}

inline PartitionList make_partition_list(std::size_t capacity = 1) {
  return PartitionList(rd_kafka_topic_partition_list_new(static_cast<int>(capacity)));
}

/// Time left for the calls of one operation.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds timeout) : end_(std::chrono::steady_clock::now() + timeout) {}
  [[nodiscard]] bool over() const { return std::chrono::steady_clock::now() >= end_; }
  /// As librdkafka takes it; at least 1, since some calls take 0 for "no limit".
  [[nodiscard]] int left_ms() const { return left_ms(std::chrono::hours(1)); }
  [[nodiscard]] int left_ms(std::chrono::milliseconds at_most) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp(left, std::chrono::milliseconds(1), at_most).count());
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

}  // namespace kexp::kafka
