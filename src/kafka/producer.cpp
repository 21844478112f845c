#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "clients.hpp"
#include "configuration.hpp"
#include "errors.hpp"

namespace kexp::kafka {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollTimeout{100};
/// What a flush still waits once a stop was asked for.
constexpr milliseconds kGraceAfterStop{1000};
/// What a flush waits for the reports of what it gave up.
constexpr milliseconds kGraceAfterPurge{1000};

ClientHandle make_client(const ProducerOptions& options, Events& events) {
  Configuration conf(options.client, events);
  conf.set("acks", "all");
  conf.set("enable.idempotence", "true");
  conf.set("linger.ms", 0);  // One image is most of a batch: waiting for more only delays it.
  conf.set("compression.codec", "none");
  // By default it waits up to 15 s before it looks whether a broker is back, which lengthens every outage.
  conf.set("reconnect.backoff.max.ms", 1000);
  // A queue smaller than the largest record would refuse it for ever.
  conf.set("queue.buffering.max.kbytes", std::max(options.queue_bytes, kMaxMessageBytes) / 1024);
  conf.set("message.timeout.ms", options.delivery_timeout.count());
  return conf.make_client(RD_KAFKA_PRODUCER);
}

rd_kafka_vu_t argument(rd_kafka_vtype_t type) {
  rd_kafka_vu_t argument{};
  argument.vtype = type;
  return argument;
}

rd_kafka_vu_t memory(rd_kafka_vtype_t type, const void* data, std::size_t size) {
  rd_kafka_vu_t memory = argument(type);
  memory.u.mem.ptr = const_cast<void*>(data);  // librdkafka reads only: nothing asks it to free.
  memory.u.mem.size = size;
  return memory;
}

class RdProducer final : public Producer {
 public:
  RdProducer(const ProducerOptions& options, DeliveryHandler handler, Log& log)
      : handler_(std::move(handler)), events_(log) {
    events_.on_delivery = [this](const rd_kafka_message_t& message) { report(message); };
    client_ = make_client(options, events_);
    poller_ = std::jthread([this](std::stop_token stop) {
      while (!stop.stop_requested()) {
        rd_kafka_poll(client_.get(), static_cast<int>(kPollTimeout.count()));
      }
    });
  }

  ~RdProducer() override {
    closing_ = true;  // Who is told is about to be gone.
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    poller_.request_stop();
    poller_.join();
    topics_.clear();
  }

  [[nodiscard]] SendOutcome send(const OutgoingRecord& record) override {
    arguments_.clear();
    arguments_.push_back(argument(RD_KAFKA_VTYPE_RKT));
    arguments_.back().u.rkt = topic(record.topic);
    arguments_.push_back(argument(RD_KAFKA_VTYPE_PARTITION));
    arguments_.back().u.i32 = record.partition >= 0 ? record.partition : RD_KAFKA_PARTITION_UA;
    arguments_.push_back(argument(RD_KAFKA_VTYPE_MSGFLAGS));
    arguments_.back().u.i = record.ownership == OutgoingRecord::Value::copied ? RD_KAFKA_MSG_F_COPY : 0;
    arguments_.push_back(memory(RD_KAFKA_VTYPE_VALUE, record.value.data(), record.value.size()));
    if (!record.key.empty()) {
      arguments_.push_back(memory(RD_KAFKA_VTYPE_KEY, record.key.data(), record.key.size()));
    }
    arguments_.push_back(argument(RD_KAFKA_VTYPE_TIMESTAMP));
    arguments_.back().u.i64 = record.timestamp_ms;
    arguments_.push_back(argument(RD_KAFKA_VTYPE_OPAQUE));
    arguments_.back().u.ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(record.tag));
    // Ours as long as the record is not taken. Handed over one by one, librdkafka 2.0 frees them twice
    // when a partition has gone (its issue 4627).
    HeadersHandle headers = make_headers(record.headers);
    arguments_.push_back(argument(RD_KAFKA_VTYPE_HEADERS));
    arguments_.back().u.headers = headers.get();
    const SendOutcome outcome = enqueue(record);
    if (outcome == SendOutcome::queued) {
      static_cast<void>(headers.release());
    }
    return outcome;
  }

  [[nodiscard]] std::size_t flush(milliseconds timeout, std::stop_token stop) override {
    const auto answered = [this] { return in_flight_ == 0; };
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    std::unique_lock lock(mutex_);
    if (!all_answered_.wait_until(lock, stop, deadline, answered) && stop.stop_requested()) {
      const auto grace = std::chrono::steady_clock::now() + kGraceAfterStop;
      all_answered_.wait_until(lock, std::min(deadline, grace), answered);
    } else if (!answered()) {
      // librdkafka 2.0 may hold what waits for a broker that is gone far beyond message.timeout.ms.
      purging_ = true;
      rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE);
      all_answered_.wait_for(lock, kGraceAfterPurge, answered);
    }
    return in_flight_;
  }

  [[nodiscard]] std::size_t in_flight() const override { return in_flight_; }

  [[nodiscard]] std::string last_fault() const override { return events_.last_error(); }

 private:
  /// The library's handle of the topic; a job has one or two.
  rd_kafka_topic_t* topic(std::string_view name) {
    for (const auto& [known, handle] : topics_) {
      if (known == name) {
        return handle.get();
      }
    }
    TopicHandle handle(rd_kafka_topic_new(client_.get(), std::string(name).c_str(), /*conf=*/nullptr));
    if (!handle) {
      throw make_error(rd_kafka_last_error(), fmt::format("topic \"{}\"", name));
    }
    return topics_.emplace_back(name, std::move(handle)).second.get();
  }

  static HeadersHandle make_headers(std::span<const Header> headers) {
    HeadersHandle made(rd_kafka_headers_new(headers.size()));
    for (const Header& header : headers) {
      rd_kafka_header_add(made.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
                          header.value.data(), static_cast<ssize_t>(header.value.size()));
    }
    return made;
  }

  SendOutcome enqueue(const OutgoingRecord& record) {
    ++in_flight_;  // Before its report can come.
    const ErrorHandle error(rd_kafka_produceva(client_.get(), arguments_.data(), arguments_.size()));
    if (!error) {
      return SendOutcome::queued;
    }
    one_answered();
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      return SendOutcome::queue_full;
    }
    const std::string what = fmt::format("cannot send {} bytes to partition {} of {}", record.value.size(),
                                         record.partition, record.topic);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
      std::array<char, 512> text{};
      const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client_.get(), text.data(), text.size());
      throw make_error(cause, what, text.data());
    }
    throw make_error(code, what, rd_kafka_error_string(error.get()));
  }

  void report(const rd_kafka_message_t& message) {
    if (purging_ && message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
        rd_kafka_message_status(&message) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED) {
      return;  // It was on its way before and waited to be sent again: what became of it stays unknown.
    }
    if (!closing_) {
      DeliveryReport report;
      report.tag = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(message._private));
      report.partition = message.partition;
      report.offset = message.offset;
      report.error = message.err == RD_KAFKA_RESP_ERR_NO_ERROR ? std::string() : error_name(message.err);
      rd_kafka_timestamp_type_t stamped = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
      const std::int64_t timestamp_ms = rd_kafka_message_timestamp(&message, &stamped);
      if (stamped == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME) {
        report.log_append_ms = timestamp_ms;
      }
      report.time = std::chrono::steady_clock::now();
      handler_(report);
    }
    one_answered();  // After the handler, so that a flush ends when all were counted.
  }

  void one_answered() {
    if (--in_flight_ == 0) {
      const std::scoped_lock lock(mutex_);
      all_answered_.notify_all();
    }
  }

  const DeliveryHandler handler_;
  Events events_;
  ClientHandle client_;
  std::vector<std::pair<std::string, TopicHandle>> topics_;
  std::vector<rd_kafka_vu_t> arguments_;  // Of one send; kept for their memory.
  std::atomic<std::size_t> in_flight_ = 0;
  std::atomic<bool> purging_ = false;
  std::atomic<bool> closing_ = false;
  std::mutex mutex_;
  std::condition_variable_any all_answered_;
  std::jthread poller_;
};

}  // namespace

std::unique_ptr<Producer> make_rd_producer(const ProducerOptions& options, DeliveryHandler handler,
                                           Log& log) {
  return std::make_unique<RdProducer>(options, std::move(handler), log);
}

}  // namespace kexp::kafka
