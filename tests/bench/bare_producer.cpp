// The least that can be done to send images by librdkafka, to measure `kexp feed` against: rd_kafka_produce
// in a loop at a rate or flat out, one thread that polls, no keys, headers, files or accounting. Prints one
// JSON line. scripts/bench/feed-cost.sh runs it.

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

namespace {

constexpr std::size_t kPool = 200;  // Different images.

std::atomic<std::uint64_t> answered = 0;
std::atomic<std::uint64_t> failed = 0;

void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  failed += message->err != RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
  ++answered;
}

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void sleep_until(double monotonic_s) {
  timespec until{};
  until.tv_sec = static_cast<time_t>(monotonic_s);
  until.tv_nsec = static_cast<long>((monotonic_s - static_cast<double>(until.tv_sec)) * 1e9);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "bare_producer: {}\n", text);
  std::exit(1);
}

double number(const char* text) {
  double value = 0;
  const char* const end = text + std::strlen(text);
  if (std::from_chars(text, end, value).ptr != end) {
    fail(fmt::format("\"{}\" is no number", text));
  }
  return value;
}

rd_kafka_t* make_client(const char* servers, std::span<char*> properties) {
  char error[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto set = [&](const char* name, const char* value) {
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
      fail(error);
    }
  };
  set("bootstrap.servers", servers);
  set("acks", "all");
  set("enable.idempotence", "true");
  set("linger.ms", "0");
  set("message.max.bytes", "16777216");
  set("queue.buffering.max.kbytes", "65536");
  for (char* property : properties) {
    char* const equals = std::strchr(property, '=');
    if (equals == nullptr) {
      fail(fmt::format("\"{}\" is not name=value", property));
    }
    *equals = '\0';
    set(property, equals + 1);
  }
  rd_kafka_conf_set_dr_msg_cb(conf, on_report);
  rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
  if (client == nullptr) {
    fail(error);
  }
  return client;
}

}  // namespace

int main(int count, char** values) {
  if (count < 7) {
    fail(
        "usage: bare_producer SERVERS TOPIC PARTITIONS IMAGE_BYTES IMAGES MB_PER_S(0: flat out) "
        "[NAME=VALUE]…");
  }
  const int partitions = static_cast<int>(number(values[3]));
  const auto size = static_cast<std::size_t>(number(values[4]));
  const auto images = static_cast<std::uint64_t>(number(values[5]));
  const double bytes_per_s = number(values[6]) * 1e6;
  rd_kafka_t* const client =
      make_client(values[1], std::span(values, static_cast<std::size_t>(count)).subspan(7));
  rd_kafka_topic_t* const topic = rd_kafka_topic_new(client, values[2], nullptr);
  std::jthread poller([client](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      rd_kafka_poll(client, 100);
    }
  });
  std::vector<char> pool(kPool * size);
  std::mt19937 random(1);
  for (char& byte : pool) {
    byte = static_cast<char>(random());
  }
  prctl(PR_SET_TIMERSLACK, 1);

  const auto produce = [&](std::uint64_t id) {
    while (rd_kafka_produce(topic, static_cast<int>(id % static_cast<unsigned>(partitions)), 0,
                            pool.data() + id % kPool * size, size, nullptr, 0, nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        fail(rd_kafka_err2str(rd_kafka_last_error()));
      }
      usleep(1000);
    }
  };
  produce(0);  // Connects.
  while (answered < 1) {
    usleep(1000);
  }
  const double start_s = seconds_of(CLOCK_MONOTONIC);
  const double start_cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  for (std::uint64_t id = 0; id < images; ++id) {
    if (bytes_per_s > 0) {
      sleep_until(start_s + static_cast<double>(id * size) / bytes_per_s);
    }
    produce(id);
  }
  while (answered < images + 1) {
    usleep(1000);
  }
  const double wall_s = seconds_of(CLOCK_MONOTONIC) - start_s;
  const double cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_s;
  const double gb = static_cast<double>(images * size) / 1e9;
  fmt::print(
      "{{\"images\": {}, \"failed\": {}, \"seconds\": {:.4f}, \"mb_per_s\": {:.2f}, \"cpu_s\": {:.4f}, "
      "\"cpu_s_per_gb\": {:.4f}}}\n",
      images, failed.load(), wall_s, gb * 1e3 / wall_s, cpu_s, cpu_s / gb);
  poller.request_stop();
  poller.join();
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return failed == 0 ? 0 : 1;
}
