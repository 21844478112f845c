#include "topic_check.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/record/message.hpp"
#include "kexp/record/sends.hpp"

#include "lane.hpp"
#include "sends_table.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr auto kPoll = 100ms;
constexpr auto kSilence = 30s;  ///< Without a record the broker has no more for us, whatever its end says.
constexpr auto kProgressInterval = 5s;
/// Images come by the megabyte: a small window would leave the line idle between two fetches.
constexpr std::int64_t kPrefetchBytes = 64 * 1024 * 1024;
constexpr int kPrefetchRecords = 100'000;

/// What is known of an image before the topic is asked, and what the topic says.
struct Image {
  std::int64_t offset = -1;  ///< Where its feed says that it lies, or where it was found.
  std::int64_t intended_ns = 0;
  std::int32_t partition = -1;
  std::uint32_t bytes = 0;
  enum class State : std::uint8_t {
    no_row,        ///< Its feed was killed, or is not here.
    never_sent,    ///< Its feed was cut short before it.
    unknown,       ///< Sent, without a report.
    acknowledged,  ///< Not looked up yet.
    failed,
    dropped,
    confirmed,  ///< Acknowledged, and found where it should be.
    found       ///< Nobody knew, and it is there.
  } state = State::no_row;
  bool repeated = false;  ///< Failed, and met in the topic.
  bool by_topic = false;  ///< Acknowledged, as an earlier look at the topic found.
};

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string place(std::int32_t partition, std::int64_t offset) {
  return fmt::format("{}/{}", partition, offset);
}

/// Of each part; of those that are not here one thread.
std::vector<Lanes> lanes_of(const std::vector<TopicQuestion::Feed>& feeds) {
  std::vector<Lanes> lanes;
  for (const TopicQuestion::Feed& feed : feeds) {
    lanes.resize(std::max<std::size_t>(lanes.size(), feed.part.of), Lanes({}, 1));
    lanes[feed.part.first()] = Lanes(feed.part, std::clamp(feed.threads, 1U, kMostThreads));
  }
  return lanes;
}

class TopicCheck {
 public:
  TopicCheck(const TopicQuestion& question, const PlanTable& table, const cycle::Plan* plan,
             const VerifyPorts& ports, Checks& checks)
      : question_(question), table_(table), ports_(ports), checks_(checks), lanes_(lanes_of(question.feeds)) {
    images_.resize(static_cast<std::size_t>(table.images));
    if (plan != nullptr) {
      take_plan(*plan);
    }
    for (const TopicQuestion::Feed& feed : question.feeds) {
      take_rows(feed);
    }
    if (question.is_own) {
      take_settled();
    }
  }

  void run(const kafka::ClientOptions& client, const std::stop_token& stop) {
    const auto admin = ports_.kafka.make_admin(client, stop);
    require_topic(*admin);
    std::vector<kafka::PartitionOffset> from =
        admin->offsets_at(question_.topic, question_.t0_unix_ns / 1'000'000);
    for (const kafka::PartitionLag& lag : admin->lag(question_.topic, "")) {
      ends_[lag.partition] = lag.end;
    }
    kafka::ConsumerOptions options;
    options.client = client;
    options.prefetch_bytes = kPrefetchBytes;
    options.prefetch_records = kPrefetchRecords;
    const auto consumer = ports_.kafka.make_consumer(options);
    for (const kafka::PartitionOffset& start : from) {
      starts_[start.partition] = next_[start.partition] = start.offset;
      to_read_ += ends_[start.partition] - start.offset;
    }
    checks_.begin(
        fmt::format("topic {} has every acknowledged image once, at its place, with its size and times",
                    question_.topic));
    consumer->assign(question_.topic, from);
    read(*consumer, stop);
    consumer->close(1s);
    for (const kafka::PartitionLag& lag : admin->lag(question_.topic, "")) {
      begins_[lag.partition] = lag.begin;  // Also of what it deleted while it was read.
    }
    check_places();
    if (question_.is_own) {
      settle();
    }
  }

 private:
  /// Nothing that could be made now would hold the run.
  void require_topic(kafka::Admin& admin) const {
    if (!admin.describe(question_.topic).partitions.empty()) {
      return;
    }
    throw UsageError(
        question_.is_own
            ? fmt::format("RUN was fed into topic {}, which is not there: --servers may name other brokers, "
                          "--other-topic a copy of it",
                          question_.topic)
            : fmt::format("--other-topic {}: there is no such topic", question_.topic));
  }

  void take_plan(const cycle::Plan& plan) {
    for (std::size_t id = 0; id < std::min(images_.size(), plan.images().size()); ++id) {
      const cycle::PlannedImage& planned = plan.images()[id];
      first_planned_.try_emplace(static_cast<std::int32_t>(planned.partition), id);
      images_[id].bytes = planned.bytes;
      images_[id].intended_ns = question_.t0_unix_ns + static_cast<std::int64_t>(planned.intended_ns);
    }
  }

  void take_rows(const TopicQuestion::Feed& feed) {
    using enum Image::State;
    for (std::uint64_t id = feed.part.index - 1; feed.finished && id < images_.size(); id += feed.part.of) {
      images_[id].state = never_sent;
    }
    const std::filesystem::path file = question_.run / feed.part.csv("sends");
    if (!std::filesystem::exists(file)) {
      return;
    }
    read_sends_table(file, [this](const Send& send) {
      if (send.id >= images_.size()) {
        return;  // The ledger tells of it.
      }
      Image& image = images_[send.id];
      image.offset = send.offset.value_or(-1);
      image.partition = static_cast<std::int32_t>(send.partition);
      image.bytes = static_cast<std::uint32_t>(send.bytes);
      image.intended_ns = send.intended_ns;
      constexpr std::array kStates = {acknowledged, failed, dropped, unknown};
      image.state = kStates.at(static_cast<std::size_t>(send.fate));
    });
  }

  void take_settled() {
    using enum Image::State;
    record::read_sends(question_.run, [this](const record::SendRow& row) {
      const auto id = number_in(row.id);
      if (!row.from_topic || !row.acknowledged() || !id || *id >= images_.size()) {
        return;
      }
      Image& image = images_[*id];
      if (image.state == unknown || image.state == no_row) {
        image.state = acknowledged;
        image.by_topic = true;
        image.partition = static_cast<std::int32_t>(row.partition.value_or(-1));
        image.offset = row.offset.value_or(-1);
      }
    });
  }

  void read(kafka::Consumer& consumer, const std::stop_token& stop) {
    SteadyTime last_record = ports_.clock.now();
    last_progress_ = begin_ = last_record;
    while (is_behind()) {
      if (stop.stop_requested()) {
        throw InterruptedError("stopped before the topic was read");
      }
      const auto message = consumer.poll(kPoll);
      const SteadyTime now = ports_.clock.now();
      if (message) {
        take(*message);
        last_record = now;
      } else if (now - last_record > kSilence) {
        checks_.compare(fmt::format("topic {} records that came", question_.topic), to_read_, read_);
        read_whole_ = false;
        return;
      }
      if (now - last_progress_ >= kProgressInterval) {
        report_progress(now);
      }
    }
  }

  [[nodiscard]] bool is_behind() {
    return std::any_of(next_.begin(), next_.end(),
                       [&](const auto& next) { return next.second < ends_[next.first]; });
  }

  void take(const kafka::Message& message) {
    if (message.offset() >= ends_[message.partition()]) {
      return;  // Somebody else's, of later.
    }
    next_[message.partition()] = message.offset() + 1;
    ++read_;
    read_bytes_ += static_cast<std::int64_t>(message.value().size());
    if (message.header(record::kRunHeader) != question_.run_id) {
      return;
    }
    const auto id = number_in(message.key());
    if (!id || *id >= images_.size() || fmt::to_string(*id) != message.key()) {
      checks_.compare(
          fmt::format("topic {} key at {}", question_.topic, place(message.partition(), message.offset())),
          "an id of the plan", std::string(message.key()));
      return;
    }
    take_image(*id, images_[*id], message);
  }

  void take_image(std::uint64_t id, Image& image, const kafka::Message& message) {
    using enum Image::State;
    // Without acks the broker tells no offset.
    const bool is_its_place =
        message.partition() == image.partition && (image.offset < 0 || message.offset() == image.offset);
    switch (image.state) {
      case acknowledged:
        if (is_its_place) {
          image.state = confirmed;
          image.offset = message.offset();
          compare_content(id, image, message);
        } else {
          misplaced_.emplace_back(id, kafka::PartitionOffset{message.partition(), message.offset()});
        }
        return;
      case no_row:
      case unknown:
        image.state = found;
        image.partition = message.partition();
        image.offset = message.offset();
        compare_content(id, image, message);
        return;
      case failed:
        failed_but_there_ += image.repeated ? 0 : 1;
        image.repeated = true;
        return;
      case never_sent:
      case dropped:
        checks_.compare(fmt::format("image {}", id), "dropped",
                        fmt::format("in the topic at {}", place(message.partition(), message.offset())));
        return;
      case confirmed:
      case found:
        compare_repeated(id, message.partition(), message.offset());
    }
  }

  void compare_repeated(std::uint64_t id, std::int32_t partition, std::int64_t offset) {
    checks_.compare(fmt::format("image {}", id), "once in the topic",
                    fmt::format("again at {}", place(partition, offset)));
  }

  void compare_content(std::uint64_t id, const Image& image, const kafka::Message& message) {
    const auto text = [](std::optional<std::string_view> header) {
      return std::string(header.value_or("nothing"));
    };
    if (image.intended_ns != 0) {
      checks_.compare(fmt::format("image {} size in the topic", id), image.bytes,
                      static_cast<std::int64_t>(message.value().size()));
      checks_.compare(fmt::format("image {} CreateTime in the topic", id), image.intended_ns / 1'000'000,
                      message.timestamp_ms());
      checks_.compare(fmt::format("image {} {} in the topic", id, record::kIntendedHeader),
                      fmt::to_string(image.intended_ns), text(message.header(record::kIntendedHeader)));
    }
    checks_.compare(fmt::format("image {} {} in the topic", id, record::kSegmentHeader),
                    fmt::to_string(table_.segment_of(id)), text(message.header(record::kSegmentHeader)));
  }

  void check_places() {
    using enum Image::State;
    std::int64_t deleted = 0;
    for (std::size_t id = 0; id < images_.size(); ++id) {
      const Image& image = images_[id];
      if (image.state != acknowledged) {
        continue;
      }
      if (image.offset >= 0 && image.offset < begins_[image.partition]) {
        ++deleted;
      } else if (read_whole_) {
        lost_.push_back(id);
        checks_.compare(fmt::format("image {}", id),
                        fmt::format("acknowledged at {}", place(image.partition, image.offset)), "not there");
      }
    }
    deletes_ = deleted > 0 || std::any_of(begins_.begin(), begins_.end(), [this](const auto& begin) {
                 return may_have_deleted(begin.first, begin.second);
               });
    checks_.compare(fmt::format("topic {} acknowledged images that it has deleted since", question_.topic), 0,
                    deleted);
    for (const auto& [id, where] : misplaced_) {
      if (images_[id].state == confirmed) {
        compare_repeated(id, where.partition, where.offset);
      } else {
        checks_.compare(fmt::format("image {}", id), "nowhere but where it was acknowledged",
                        fmt::format("in the topic at {}", place(where.partition, where.offset)));
      }
    }
    if (failed_but_there_ > 0) {
      checks_.tell(
          fmt::format("{} images that count as failed are in the topic all the same", failed_but_there_));
    }
  }

  /// Whether records of the run may have stood before the first that a partition still has: not when that is
  /// the first image that the plan has for it.
  [[nodiscard]] bool may_have_deleted(std::int32_t partition, std::int64_t begin) const {
    const auto start = starts_.find(partition);
    if (begin == 0 || (start != starts_.end() && start->second > begin)) {
      return false;
    }
    const auto first = first_planned_.find(partition);
    if (first == first_planned_.end()) {
      return true;
    }
    const Image& image = images_[first->second];
    const bool is_there = image.state == Image::State::confirmed || image.state == Image::State::found;
    return !is_there || image.partition != partition || image.offset != begin;
  }

  /// Which pacing thread of all feeds sends an image.
  [[nodiscard]] std::size_t lane_of(std::uint64_t id) const {
    const std::size_t part = id % lanes_.size();
    return part * kMostThreads + lanes_[part].lane_of(id);
  }

  /// By pacing thread, the last image that was seen: those before it were sent.
  [[nodiscard]] std::vector<std::uint64_t> last_seen() const {
    std::vector<std::uint64_t> last(lanes_.size() * kMostThreads, 0);
    for (std::size_t id = 0; id < images_.size(); ++id) {
      const Image::State state = images_[id].state;
      if (state != Image::State::no_row && state != Image::State::never_sent) {
        last[lane_of(id)] = id;
      }
    }
    return last;
  }

  /// Leaves what was found. A disk that does not take it is told with the figures.
  void settle() {
    if (!read_whole_ || deletes_) {
      checks_.skip("nothing was settled: the topic does not have, or did not give, all records of the run");
      return;
    }
    try {
      write_lost();
      if (lost_.empty()) {
        decide();
      } else {
        checks_.skip("nothing was settled: the topic lacks images that it had acknowledged");
      }
    } catch (const FailedError& e) {
      checks_.fail(fmt::format("what the topic decided was not kept: {}", e.what()));
    }
  }

  void write_lost() const {
    const std::filesystem::path file = question_.run / record::kFeedLostFile;
    if (lost_.empty() && !std::filesystem::exists(file)) {
      return;
    }
    std::string csv = "id,partition,offset\n";
    for (const std::size_t id : lost_) {
      const Image& image = images_[id];
      csv += image.offset < 0 ? fmt::format("{},{},\n", id, image.partition)
                              : fmt::format("{},{},{}\n", id, image.partition, image.offset);
    }
    write_file_atomically(file, csv);
  }

  void decide() {
    using enum Image::State;
    const std::vector<std::uint64_t> last = last_seen();
    std::int64_t found_count = 0;
    std::int64_t lost = 0;
    std::int64_t unsent = 0;
    std::string csv = "id,partition,offset,status\n";
    const auto add = [&csv](std::size_t id, const std::string& place, const record::SendStatus& status) {
      csv += fmt::format("{},{},{}\n", id, place, record::to_text(status));
    };
    for (std::size_t id = 0; id < images_.size(); ++id) {
      const Image& image = images_[id];
      if (image.state == found || (image.state == confirmed && image.by_topic)) {
        ++found_count;
        add(id, fmt::format("{},{}", image.partition, image.offset), {Fate::acknowledged, {}});
      } else if (image.state == unknown || (image.state == no_row && id < last[lane_of(id)])) {
        ++lost;
        add(id, ",", {Fate::failed, record::kNotInTopic});
      } else if (image.state == no_row) {
        ++unsent;
        add(id, ",", {Fate::dropped, {}});
      }
    }
    write_file_atomically(question_.run / record::kFeedTopicFile, csv);
    if (found_count + lost + unsent > 0) {
      checks_.tell(
          fmt::format("of the images of unknown fate {} are in topic {}, {} are not, {} were never sent",
                      found_count, question_.topic, lost, unsent));
    }
  }

  void report_progress(SteadyTime now) {
    const double elapsed = seconds(now - begin_);
    const double rate = static_cast<double>(read_) / elapsed;
    ports_.progress.report({"verify",
                            "progress",
                            {{"records", read_},
                             {"of", to_read_},
                             {"mbps", static_cast<double>(read_bytes_) / elapsed / 1e6},
                             {"eta_s", rate > 0 ? static_cast<double>(to_read_ - read_) / rate : 0}}});
    last_progress_ = now;
  }

  const TopicQuestion& question_;
  const PlanTable& table_;
  const VerifyPorts& ports_;
  Checks& checks_;
  const std::vector<Lanes> lanes_;
  std::vector<Image> images_;
  std::map<std::int32_t, std::int64_t> starts_, begins_, ends_, next_;  // By partition.
  std::map<std::int32_t, std::size_t> first_planned_;  // The first image of a partition, by the plan.
  std::vector<std::size_t> lost_;                      // Acknowledged, and not at their place.
  std::int64_t to_read_ = 0, read_ = 0, read_bytes_ = 0;
  std::int64_t failed_but_there_ = 0;
  /// Records of acknowledged images that were met elsewhere first.
  std::vector<std::pair<std::uint64_t, kafka::PartitionOffset>> misplaced_;
  bool read_whole_ = true;
  bool deletes_ = false;
  SteadyTime begin_, last_progress_;
};

}  // namespace

void check_topic(const TopicQuestion& question, const PlanTable& table, const cycle::Plan* plan,
                 const kafka::ClientOptions& client, const VerifyPorts& ports, Checks& checks,
                 std::stop_token stop) {
  TopicCheck(question, table, plan, ports, checks).run(client, stop);
}

}  // namespace kexp::feeder
