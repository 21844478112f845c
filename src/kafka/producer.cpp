#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "kexp/kafka/librdkafka.hpp"

#include "clients.hpp"
#include "configuration.hpp"
#include "errors.hpp"

namespace kexp::kafka {
namespace {

using std::chrono::milliseconds;

/// Errors and statistics wait for the polling thread as long at most; also how long its end may take.
constexpr milliseconds kPollTimeout{250};
/// What a flush still waits once a stop was asked for, and then for the reports of what it gave up: 1 s.
constexpr milliseconds kGraceAfterStop{800};
constexpr milliseconds kGraceAfterPurgeAtStop{200};
/// What a flush waits for the reports of what it gave up.
constexpr milliseconds kGraceAfterPurge{1000};

Configuration configure(const ProducerOptions& options, Events& events) {
  Configuration conf(options.client, events);
  conf.set("acks", "all");
  conf.set("enable.idempotence", "true");
  conf.set("linger.ms", 0);  // One image is most of a batch: waiting for more only delays it.
  conf.set("compression.codec", "none");
  // By default it waits up to 15 s before it looks whether a broker is back, which lengthens every outage.
  conf.set("reconnect.backoff.max.ms", 1000);
  // A queue smaller than the largest record would refuse it for ever.
  conf.set("queue.buffering.max.kbytes", std::max(options.queue_bytes, kMaxMessageBytes) / 1024);
  conf.set("queue.buffering.max.messages", options.queue_records);
  conf.set("message.timeout.ms", options.delivery_timeout.count());
  // With 5, the default, librdkafka's thread turns without a pause while five records of a partition are on
  // their way and more wait: it counts records where it limits requests. Two keep the connection busy.
  conf.set("max.in.flight.requests.per.connection", 2);
  if (options.batch_records > 0) {
    conf.set("batch.num.messages", options.batch_records);
  }
  if (options.on_statistics) {
    conf.set("statistics.interval.ms", options.statistics_interval.count());
  }
  return conf;
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

/// A broker's word, not the client's own.
bool is_of_broker(rd_kafka_resp_err_t answer) { return answer > RD_KAFKA_RESP_ERR__END; }

class RdProducer final : public Producer {
 public:
  RdProducer(const ProducerOptions& options, DeliveryHandler handler, Log& log)
      : handler_(std::move(handler)), events_(log) {
    events_.on_delivery = [this](const rd_kafka_message_t& message) { answered(message); };
    events_.on_statistics = options.on_statistics;
    client_ = configure(options, events_).make_client(RD_KAFKA_PRODUCER);
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
    // librdkafka waits by the wall clock: where that was set back, the poll would go on for as long.
    const QueueHandle polled(rd_kafka_queue_get_main(client_.get()));
    rd_kafka_queue_yield(polled.get());
  }

  [[nodiscard]] SendOutcome send(const OutgoingRecord& record) override {
    // Ours as long as the record is not taken. Handed over one by one, librdkafka 2.0 frees them twice
    // when a partition has gone (its issue 4627).
    HeadersHandle headers = make_headers(record.headers);
    std::array arguments = {argument(RD_KAFKA_VTYPE_RKT),
                            argument(RD_KAFKA_VTYPE_PARTITION),
                            argument(RD_KAFKA_VTYPE_MSGFLAGS),
                            memory(RD_KAFKA_VTYPE_VALUE, record.value.data(), record.value.size()),
                            memory(RD_KAFKA_VTYPE_KEY, record.key.data(), record.key.size()),
                            argument(RD_KAFKA_VTYPE_TIMESTAMP),
                            argument(RD_KAFKA_VTYPE_OPAQUE),
                            argument(RD_KAFKA_VTYPE_HEADERS)};
    arguments[0].u.rkt = topic(record.topic);
    arguments[1].u.i32 = record.partition >= 0 ? record.partition : RD_KAFKA_PARTITION_UA;
    arguments[2].u.i = record.ownership == OutgoingRecord::Value::copied ? RD_KAFKA_MSG_F_COPY : 0;
    if (record.key.empty()) {
      arguments[4].u.mem.ptr = nullptr;  // No key, which is not the same as an empty one.
    }
    arguments[5].u.i64 = record.timestamp_ms;
    arguments[6].u.ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(record.tag));
    arguments[7].u.headers = headers.get();
    const SendOutcome outcome = enqueue(record, arguments);
    if (outcome == SendOutcome::queued) {
      static_cast<void>(headers.release());
    }
    return outcome;
  }

  [[nodiscard]] std::size_t flush(milliseconds timeout, std::stop_token stop) override {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    if (wait_for_answers(deadline, stop)) {
      return 0;
    }
    const bool stopped = stop.stop_requested();
    if (stopped &&
        wait_for_answers(std::min(deadline, std::chrono::steady_clock::now() + kGraceAfterStop), {})) {
      return 0;
    }
    // What has not left is known not to have arrived. Besides, librdkafka 2.0 may hold what waits for a
    // broker that is gone far beyond message.timeout.ms.
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE);
    wait_for_answers(std::chrono::steady_clock::now() + (stopped ? kGraceAfterPurgeAtStop : kGraceAfterPurge),
                     {});
    return in_flight_;
  }

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

  SendOutcome enqueue(const OutgoingRecord& record, std::span<const rd_kafka_vu_t> arguments) {
    ++in_flight_;  // Before its answer can come.
    sender_ = std::this_thread::get_id();
    const ErrorHandle error(rd_kafka_produceva(client_.get(), arguments.data(), arguments.size()));
    sender_ = std::thread::id();
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

  /// True when every record has its answer.
  bool wait_for_answers(std::chrono::steady_clock::time_point deadline, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    return all_answered_.wait_until(lock, std::move(stop), deadline, [this] { return in_flight_ == 0; });
  }

  void answered(const rd_kafka_message_t& message) {
    if (sender_.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
      return;  // Refused by rd_kafka_produceva, which says so itself.
    }
    if (is_of_broker(message.err)) {
      events_.answered();
    }
    if (!closing_) {
      report(message);
    }
    one_answered();  // After the handler, so that a flush ends when all were counted.
  }

  void report(const rd_kafka_message_t& message) {
    DeliveryReport report;
    report.tag = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(message._private));
    report.partition = message.partition;
    report.offset = message.offset;
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      report.error = error_name(message.err);
      report.possibly_persisted = !is_of_broker(message.err) &&
                                  rd_kafka_message_status(&message) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED;
    }
    rd_kafka_timestamp_type_t stamped = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const std::int64_t timestamp_ms = rd_kafka_message_timestamp(&message, &stamped);
    if (stamped == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME) {
      report.log_append_ms = timestamp_ms;
    }
    report.time = std::chrono::steady_clock::now();
    const std::scoped_lock lock(reporting_);  // Each broker has a thread of its own.
    handler_(report);
  }

  void one_answered() {
    if (--in_flight_ == 0) {
      const std::scoped_lock lock(mutex_);
      all_answered_.notify_all();
    }
  }

  const DeliveryHandler handler_;
  std::mutex reporting_;
  std::atomic<std::size_t> in_flight_ = 0;
  std::atomic<std::thread::id> sender_;  // The thread within rd_kafka_produceva.
  std::atomic<bool> closing_ = false;
  std::mutex mutex_;
  std::condition_variable_any all_answered_;
  Events events_;
  ClientHandle client_;  // Its threads use all of the above until it is gone.
  std::vector<std::pair<std::string, TopicHandle>> topics_;
  std::jthread poller_;
};

}  // namespace

void check_producer(const ProducerOptions& options, Log& log) {
  Events events(log);
  events.silence();  // It would say that there are no servers.
  Configuration conf = configure(options, events);
  conf.leave_out_servers();
  (void)conf.make_client(RD_KAFKA_PRODUCER);
}

std::unique_ptr<Producer> make_rd_producer(const ProducerOptions& options, DeliveryHandler handler,
                                           Log& log) {
  return std::make_unique<RdProducer>(options, std::move(handler), log);
}

}  // namespace kexp::kafka
