#include "kexp/consumer/consumer.hpp"

#include <atomic>
#include <future>
#include <latch>
#include <mutex>

#include <gmock/gmock.h>

#include "kexp/record/result.hpp"

#include "messages.hpp"
#include "support/capturing_log.hpp"
#include "support/data.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_detector.hpp"
#include "support/fake_kafka.hpp"
#include "support/recording_progress.hpp"
#include "support/temp_dir.hpp"

namespace kexp::consumer {
namespace {

using namespace std::chrono_literals;
using test::FakeDetector;
using test::FakeKafka;
using test::FakeRecord;
using test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kGroup = "yolo_input.consumers";
constexpr const char* kPod = "pod-1";

/// Belongs to the consumers with which the test fills the group.
class NoListener final : public kafka::RebalanceListener {
 public:
  void on_assigned(const std::vector<std::int32_t>&) override {}
  void on_revoked(const std::vector<std::int32_t>&) override {}
  void on_lost(const std::vector<std::int32_t>&) override {}
};

class ConsumerTest : public testing::Test {
 protected:
  ConsumerTest() {
    kafka_.add_topic("yolo_input", 2);
    kafka_.add_topic("yolo_output", 1);
    options_.identity = {kPod, "worker-1", "10.244.1.7"};
    options_.threads = 1;
  }
  ~ConsumerTest() override {
    stop_.request_stop();
    if (job_.valid()) {
      job_.wait();
    }
  }

  ConsumerPorts ports(Clock& clock) {
    return {.kafka = kafka_,
            .clock = clock,
            .log = log_,
            .progress = progress_,
            .metrics = metrics_,
            .serve =
                [this](ConsumerPorts::Probe healthy, ConsumerPorts::Probe ready) {
                  healthy_ = std::move(healthy);
                  ready_ = std::move(ready);
                  return nullptr;
                },
            .load_detector = [this](const std::string& model, const std::filesystem::path&,
                                    const inference::DetectorOptions& options) -> LoadedDetector {
              const std::lock_guard lock(loading_);
              model_ = model;
              detector_options_ = options;
              loud_ += options.log != nullptr ? 1 : 0;
              ++loaded_;
              if (on_load_) {
                on_load_();
              }
              auto detector = std::make_unique<FakeDetector>();
              detector->on_detect = on_detect_;
              detector->prepared = prepared_;
              return {std::move(detector), 50ms};
            },
            .system_root = system_root_,
            .end_process = end_process_};
  }

  void start() {
    job_ = std::async(std::launch::async,
                      [this] { return run_consumer(options_, ports(clock_), stop_.get_token()); });
  }
  ConsumerResult finish() {
    stop_.request_stop();
    return job_.get();
  }

  void send(std::int32_t partition, const std::string& key) { send(partition, key, test::png()); }
  void send(std::int32_t partition, const std::string& key, std::vector<std::uint8_t> bytes) {
    FakeRecord record;
    record.partition = partition;
    record.key = key;
    record.value = std::move(bytes);
    record.headers = {{"kexp-run", "run-a"}};
    record.timestamp_ms = unix_ms(clock_.wall_now());
    kafka_.add_record("yolo_input", std::move(record));
  }

  /// For what the fake does not see change.
  bool eventually(const std::function<bool()>& condition) {
    for (int tries = 0; tries < 1500; ++tries) {
      if (kafka_.wait_until(condition, 20ms)) {
        return true;
      }
    }
    return false;
  }
  std::size_t answers() { return kafka_.records("yolo_output").size(); }
  bool wait_for_answers(std::size_t count) {
    return kafka_.wait_until([&] { return answers() >= count; });
  }
  std::vector<std::string> answered_ids() {
    std::vector<std::string> ids;
    for (const FakeRecord& answer : kafka_.records("yolo_output")) {
      ids.push_back(answer.key);
    }
    return ids;
  }
  record::Result answer(std::size_t index) {
    std::string why;
    const auto result = record::parse_result(kafka_.records("yolo_output").at(index).text(), &why);
    EXPECT_TRUE(result.has_value()) << why;
    return result.value_or(record::Result{});
  }
  std::optional<std::int64_t> committed(std::int32_t partition) {
    return kafka_.committed(kGroup, "yolo_input", partition);
  }

  SystemClock clock_;
  FakeKafka kafka_{clock_};
  test::CapturingLog log_;
  test::RecordingProgress progress_;
  telemetry::Metrics metrics_;
  ConsumerOptions options_;
  ConsumerPorts::Probe healthy_, ready_;
  std::string model_;
  inference::DetectorOptions detector_options_;
  std::mutex loading_;
  int loaded_ = 0;
  int loud_ = 0;
  std::function<void()> on_load_;
  std::function<void()> end_process_;
  std::function<inference::DetectorResult(const image::Image&)> on_detect_;
  inference::Preparation prepared_;
  std::filesystem::path system_root_ = test::data_file("cgroup/unlimited");
  std::stop_source stop_;
  std::future<ConsumerResult> job_;
};

/// With a detector that waits at the first image until the test opens it.
class SlowConsumerTest : public ConsumerTest {
 protected:
  SlowConsumerTest() {
    on_detect_ = [this](const image::Image& image) {
      begun_.count_down(begun_.try_wait() ? 0 : 1);
      opened_.wait();
      return FakeDetector::answer(image);
    };
  }
  ~SlowConsumerTest() override { open(); }
  void open() {
    if (!opened_.try_wait()) {
      opened_.count_down();
    }
  }

  std::latch begun_{1};
  std::latch opened_{1};
};

TEST_F(ConsumerTest, AnswersEveryImageAndCommitsIt) {
  send(0, "1");
  send(0, "2");
  send(1, "3");
  start();
  ASSERT_TRUE(wait_for_answers(3));
  const ConsumerResult result = finish();

  EXPECT_THAT(answered_ids(), testing::UnorderedElementsAre("1", "2", "3"));
  EXPECT_EQ(committed(0), 2);
  EXPECT_EQ(committed(1), 1);
  EXPECT_EQ(result.processed, 3U);
  EXPECT_EQ(result.acknowledged, 3U);
  EXPECT_EQ(result.errors, 0U);
  EXPECT_EQ(result.open, 0U);
}

TEST_F(ConsumerTest, AnswersWithIdRunAndDetections) {
  send(1, "4711");
  start();
  ASSERT_TRUE(wait_for_answers(1));
  EXPECT_EQ(kafka_.records("yolo_output").at(0).header("kexp-run"), "run-a");
  const record::Result result = answer(0);
  EXPECT_EQ(result.id, "4711");
  EXPECT_EQ(result.run, "run-a");
  EXPECT_EQ(result.pod, kPod);
  EXPECT_EQ(result.partition, 1);
  EXPECT_EQ(result.offset, 0);
  EXPECT_EQ(result.detections.size(), 1U);
  EXPECT_GE(result.idle_ms, 0);
  EXPECT_EQ(kafka_.consumer_options().client.client_id, kPod);
  EXPECT_EQ(kafka_.consumer_options().group, kGroup);
}

// With two streams each warning of the engine came twice.
TEST_F(ConsumerTest, LetsOneOfItsDetectorsSpeak) {
  options_.threads = options_.streams = 2;
  options_.detector.log = &log_;
  send(0, "1");
  start();
  ASSERT_TRUE(wait_for_answers(1));
  static_cast<void>(finish());

  EXPECT_EQ(loaded_, 2);
  EXPECT_EQ(loud_, 1);
}

TEST_F(ConsumerTest, SaysOnceWhatLooksWrongInItsModel) {
  options_.threads = options_.streams = 2;
  options_.model = "latin";
  prepared_.warnings = {"its labels are odd"};
  send(0, "1");
  start();
  ASSERT_TRUE(wait_for_answers(1));
  static_cast<void>(finish());

  EXPECT_EQ(log_.count(LogLevel::warn, "--model latin: its labels are odd"), 1U);
}

// A small file of a large picture ended a pod of 1 GiB at each start, and its partition was blocked for good.
TEST_F(ConsumerTest, AnswersAPictureThatItsMemoryLimitHasNoRoomFor) {
  const test::TempDir root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", "1 2 0:3 / /c rw - cgroup2 cgroup2 rw\n");
  root.write("c/memory.max", "1000000\n");
  root.write("c/memory.current", "900000\n");
  system_root_ = root.path();
  send(0, "1", test::png(200, 100));  // 60 kB of pixels, at most 50 kB are for it.
  send(0, "2", test::png(50, 50));
  start();
  ASSERT_TRUE(wait_for_answers(2));
  const ConsumerResult result = finish();

  EXPECT_EQ(result.errors, 1U);
  EXPECT_THAT(answer(0).error, HasSubstr("200 x 100 pixels and needs"));
  EXPECT_EQ(answer(1).errors, 0);
  EXPECT_EQ(committed(0), 2);
}

// Earlier consumers committed before the work was done: every killed pod lost images without a word.
TEST_F(ConsumerTest, StoresNothingPastAnUnacknowledgedAnswer) {
  std::vector<std::uint64_t> tags;
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) { tags.push_back(record.tag); };
  kafka_.hold_reports();
  send(0, "4");
  send(0, "5");
  start();
  ASSERT_TRUE(wait_for_answers(2));
  ASSERT_TRUE(kafka_.release_report(tags.at(1)));
  send(1, "6");
  ASSERT_TRUE(wait_for_answers(3));  // The poll loop went round.
  EXPECT_EQ(kafka_.stored(kPod, 0), std::nullopt);

  ASSERT_TRUE(kafka_.release_report(tags.at(0)));
  EXPECT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 0) == 2; }));
  kafka_.release_reports();
}

TEST_F(ConsumerTest, SendsAnAnswerAgainWhoseDeliveryFailed) {
  kafka_.fail_next("_MSG_TIMED_OUT", 2);
  send(0, "1");
  start();
  ASSERT_TRUE(wait_for_answers(1));
  const ConsumerResult result = finish();
  EXPECT_THAT(answered_ids(), ElementsAre("1"));
  EXPECT_EQ(result.resent, 2U);
  EXPECT_EQ(committed(0), 1);
}

TEST_F(ConsumerTest, EndsWhenAnAnswerCanNeverBeDelivered) {
  kafka_.fail_next("TOPIC_AUTHORIZATION_FAILED");
  send(0, "1");
  start();
  EXPECT_THAT(message_of<kafka::KafkaError>([this] { job_.get(); }), HasSubstr("TOPIC_AUTHORIZATION_FAILED"));
  EXPECT_EQ(committed(0), std::nullopt);
}

TEST_F(ConsumerTest, EndsWithoutAnAnswerWhenItsDetectorNoLongerWorks) {
  on_detect_ = [](const image::Image&) -> inference::DetectorResult {
    throw inference::ModelFileError("a.onnx: changed since it was loaded");
  };
  send(0, "1");
  start();
  EXPECT_THAT(message_of<FailedError>([this] { job_.get(); }), HasSubstr("a.onnx: changed"));
  EXPECT_EQ(answers(), 0U);
  EXPECT_EQ(committed(0), std::nullopt);
  EXPECT_TRUE(kafka_.make_admin({}, {})->group(kGroup).members.empty());
}

TEST_F(ConsumerTest, AnswersShorterWhenTheTopicTakesNoLongAnswer) {
  kafka_.fail_next("MSG_SIZE_TOO_LARGE");
  send(0, "1");
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 0) == 1; }));  // Counted when acknowledged.
  finish();
  EXPECT_EQ(answer(0).errors, 1);
  EXPECT_THAT(answer(0).error, HasSubstr("1 detections"));
  EXPECT_TRUE(answer(0).detections.empty());
  EXPECT_EQ(committed(0), 1);
  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_answers_shortened_total 1"));
}

TEST_F(ConsumerTest, NamesTheLimitThatMakesAnswersShorter) {
  options_.client.properties = {{"message.max.bytes", "1000"}};
  kafka_.fail_next("MSG_SIZE_TOO_LARGE");
  send(0, "1");
  start();
  EXPECT_TRUE(eventually([&] { return log_.contains("raise -X message.max.bytes"); }));
}

TEST_F(ConsumerTest, SendsTheWholeAnswerOnceATopicThatTookNoneTakesIt) {
  std::atomic<bool> takes_none = true;
  kafka_.on_send = [&, tries = 0, refused = true](const kafka::OutgoingRecord&) mutable {
    refused = tries++ % 2 == 0 ? takes_none.load() : refused;  // Whole and then shortened alike.
    if (refused) {
      kafka_.fail_next("MSG_SIZE_TOO_LARGE");
    }
  };
  send(0, "1");
  start();
  ASSERT_TRUE(eventually([&] { return log_.contains("refused=MSG_SIZE_TOO_LARGE"); }));
  takes_none = false;
  ASSERT_TRUE(wait_for_answers(1));
  finish();
  EXPECT_EQ(answer(0).errors, 0);
  EXPECT_EQ(answer(0).detections.size(), 1U);
  EXPECT_EQ(log_.count(LogLevel::warn, "refused="), 1U);
  EXPECT_EQ(committed(0), 1);
}

// A batch is refused for the size of all that is in it.
TEST_F(ConsumerTest, SendsEachAnswerInARequestOfItsOwn) {
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod).size() == 2; }));
  EXPECT_EQ(kafka_.producer_options().batch_records, 1);
}

// No answer to it could ever be sent, so its consumer ended, was started again, and ended again.
TEST_F(ConsumerTest, AnswersAMessageWhoseNamesAreTooLongUnderItsPlace) {
  const std::string large(20'000, 'k');
  FakeRecord record;
  record.key = large;
  record.value = test::png();
  record.headers = {{"kexp-run", large}};
  kafka_.add_record("yolo_input", record);
  kafka_.add_record("yolo_input", record);
  start();
  ASSERT_TRUE(wait_for_answers(2));
  finish();
  EXPECT_THAT(answered_ids(), ElementsAre("0-0", "0-1"));
  EXPECT_EQ(answer(0).id, "0-0");
  EXPECT_EQ(answer(0).run, "");
  EXPECT_EQ(answer(0).errors, 0);
  EXPECT_EQ(log_.count(LogLevel::warn, "ignored=key partition=0 offset=0"), 1U);
  EXPECT_EQ(log_.count(LogLevel::warn, "ignored=run"), 1U);
  EXPECT_EQ(log_.count(LogLevel::warn, "ignored="), 2U);
  EXPECT_THAT(metrics_.render(), testing::AllOf(HasSubstr(R"(kexp_ignored_names_total{name="key"} 2)"),
                                                HasSubstr(R"(kexp_ignored_names_total{name="run"} 2)")));
}

TEST_F(ConsumerTest, GoesOnAfterMessagesThatAreNoImages) {
  send(0, "empty", {});
  send(0, "text", {'h', 'i'});
  send(0, "\xff\xfe", {1, 2, 3});  // No text: an answer could not repeat it.
  send(0, "image");
  start();
  ASSERT_TRUE(wait_for_answers(4));
  const ConsumerResult result = finish();
  EXPECT_THAT(answered_ids(), ElementsAre("empty", "text", "0-2", "image"));
  EXPECT_EQ(answer(0).errors, 1);
  EXPECT_NE(answer(0).error, "");
  EXPECT_EQ(answer(1).errors, 1);
  EXPECT_EQ(answer(2).errors, 1);
  EXPECT_EQ(answer(3).errors, 0);
  EXPECT_EQ(result.errors, 3U);
  EXPECT_EQ(committed(0), 4);
}

TEST_F(ConsumerTest, CountsNoNegativeTimeInTheQueue) {
  FakeRecord record;
  record.value = test::png();
  record.timestamp_ms = unix_ms(clock_.wall_now()) + 3'600'000;  // Its producer's clock is ahead.
  kafka_.add_record("yolo_input", record);
  start();
  ASSERT_TRUE(wait_for_answers(1));
  finish();
  EXPECT_LT(answer(0).queue_ms, 0);
  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_queue_duration_seconds_sum 0\n"));
}

TEST_F(ConsumerTest, SendsNothingAndCountsByOffsetsWithoutValidation) {
  kafka_.delete_topic("yolo_output");
  options_.answers = ConsumerOptions::Answers::none;
  send(0, "1");
  send(0, "2");
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 0) == 2; }));
  const ConsumerResult result = finish();
  EXPECT_EQ(result.processed, 2U);
  EXPECT_EQ(result.acknowledged, 0U);
  EXPECT_EQ(committed(0), 2);
}

TEST_F(SlowConsumerTest, FinishesTheImageInWorkWhenStopped) {
  send(0, "1");
  send(0, "2");
  start();
  begun_.wait();
  stop_.request_stop();
  EXPECT_TRUE(eventually([&] { return !ready_().ok; }));
  open();
  const ConsumerResult result = job_.get();
  EXPECT_EQ(answered_ids().front(), "1");
  // The poll loop sees the stop within 100 ms; what was answered by then is what is committed.
  EXPECT_EQ(result.processed, answers());
  EXPECT_EQ(result.acknowledged, answers());
  EXPECT_EQ(committed(0), static_cast<std::int64_t>(answers()));
  EXPECT_TRUE(kafka_.make_admin({}, {})->group(kGroup).members.empty());
}

TEST_F(SlowConsumerTest, EndsAlsoWhenNothingIsAcknowledged) {
  options_.drain_wait = options_.revoke_wait = 1ms;
  kafka_.hold_reports();
  send(0, "1");
  open();
  start();
  ASSERT_TRUE(wait_for_answers(1));
  const ConsumerResult result = finish();
  EXPECT_EQ(result.open, 1U);
  EXPECT_EQ(committed(0), std::nullopt);
  EXPECT_TRUE(log_.contains("unacknowledged=1"));
}

// They were forgotten with their partitions before they were counted.
TEST_F(ConsumerTest, CountsAnswersThatWaitToBeSentAgainAsOpen) {
  std::atomic<int> sends = 0;
  kafka_.on_send = [&](const kafka::OutgoingRecord&) { ++sends; };
  options_.drain_wait = options_.revoke_wait = 1ms;
  kafka_.set_queue_full(true);
  send(0, "1");
  start();
  ASSERT_TRUE(eventually([&] { return sends > 0; }));
  EXPECT_EQ(finish().open, 1U);
  EXPECT_EQ(committed(0), std::nullopt);
}

TEST_F(SlowConsumerTest, AnswersTheImageInWorkBeforeItsPartitionGoes) {
  send(0, "1");
  send(0, "2");
  start();
  begun_.wait();
  kafka_.revoke(kPod, {0});
  open();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod) == std::vector<std::int32_t>{1}; }));
  // 2 may have been worked on before the revocation came, but what was answered is what is committed.
  EXPECT_EQ(committed(0), static_cast<std::int64_t>(answers()));
  send(1, "3");
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 1) == 1; }));
  EXPECT_EQ(answered_ids().back(), "3");
}

TEST_F(SlowConsumerTest, AnswersNothingOfALostPartition) {
  send(0, "1");
  start();
  begun_.wait();
  kafka_.lose(kPod, {0});
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod) == std::vector<std::int32_t>{1}; }));
  send(1, "2");
  ASSERT_TRUE(eventually([&] { return progress_.count("lost") == 1; }));
  open();
  ASSERT_TRUE(wait_for_answers(1));
  EXPECT_THAT(answered_ids(), ElementsAre("2"));
  EXPECT_EQ(committed(0), std::nullopt);
}

// With a full queue nothing was polled: the group waited for us, up to max.poll.interval.ms.
TEST_F(SlowConsumerTest, ServesItsGroupWhileThereIsNoRoom) {
  options_.pause_after = 1ms;
  for (const char* key : {"1", "2", "3", "4"}) {
    send(0, key);
  }
  send(1, "5");
  start();
  begun_.wait();
  ASSERT_TRUE(eventually([&] { return kafka_.paused(kPod); }));
  kafka_.lose(kPod, {0});
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod) == std::vector<std::int32_t>{1}; }));
  open();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 1) == 1; }));
  // The offset is stored before the poll loop looks for room again.
  EXPECT_TRUE(eventually([&] { return !kafka_.paused(kPod); }));
}

/// With two streams. The detector keeps each picture `kSlow` wide until the test opens it.
class StreamsTest : public ConsumerTest {
 protected:
  static constexpr int kSlow = 16;
  StreamsTest() {
    options_.threads = 2;
    on_detect_ = [this](const image::Image& image) {
      if (image.width == kSlow) {
        ++slow_;
        opened_.wait();
      }
      return FakeDetector::answer(image);
    };
  }
  ~StreamsTest() override { open(); }
  void open() {
    if (!opened_.try_wait()) {
      opened_.count_down();
    }
  }
  void send_slow(std::int32_t partition, const std::string& key) {
    send(partition, key, test::png(kSlow, 6));
  }
  bool wait_for_slow(int count) {
    return eventually([&] { return slow_ == count; });
  }

  std::atomic<int> slow_ = 0;
  std::latch opened_{1};
};

TEST_F(StreamsTest, CommitsNothingPastAnImageThatIsStillInWork) {
  send_slow(0, "1");
  send(0, "2");
  send(0, "3");
  start();
  ASSERT_TRUE(wait_for_answers(2));
  EXPECT_THAT(answered_ids(), ElementsAre("2", "3"));
  send(1, "4");
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 1) == 1; }));  // The poll loop went round.
  EXPECT_EQ(kafka_.stored(kPod, 0), std::nullopt);
  open();
  EXPECT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 0) == 3; }));
}

TEST_F(StreamsTest, AnswersBothImagesInWorkBeforeTheirPartitionGoes) {
  send_slow(0, "1");
  send_slow(0, "2");
  start();
  ASSERT_TRUE(wait_for_slow(2));
  kafka_.revoke(kPod, {0});
  send(1, "3");
  open();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod) == std::vector<std::int32_t>{1}; }));
  EXPECT_EQ(committed(0), 2);
  ASSERT_TRUE(wait_for_answers(3));
  EXPECT_THAT(answered_ids(), testing::UnorderedElementsAre("1", "2", "3"));
}

TEST_F(StreamsTest, AnswersEveryImageOnceBesideOneThatIsNoImage) {
  send_slow(0, "1");
  send(0, "text", {'h', 'i'});
  send_slow(1, "2");
  start();
  ASSERT_TRUE(wait_for_slow(2));
  open();
  ASSERT_TRUE(wait_for_answers(3));
  const ConsumerResult result = finish();
  EXPECT_THAT(answered_ids(), testing::UnorderedElementsAre("1", "text", "2"));
  EXPECT_EQ(result.errors, 1U);
  EXPECT_EQ(committed(0), 2);
  EXPECT_EQ(committed(1), 1);
}

TEST_F(StreamsTest, ServesItsGroupWhileEveryStreamIsSlow) {
  options_.pause_after = 1ms;
  send_slow(0, "1");
  send_slow(1, "2");
  for (const char* key : {"3", "4", "5", "6"}) {
    send(0, key);
  }
  start();
  ASSERT_TRUE(wait_for_slow(2));
  ASSERT_TRUE(eventually([&] { return kafka_.paused(kPod); }));
  kafka_.lose(kPod, {0});
  ASSERT_TRUE(eventually([&] { return progress_.count("lost") == 1; }));
  open();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 1) == 1; }));
  EXPECT_THAT(answered_ids(), ElementsAre("2"));
}

// A detector that hangs kept the process, and its pod, until the kubelet killed it without a word.
TEST_F(StreamsTest, EndsTheProcessWhenADetectorNeverReturns) {
  int ended = 0;
  end_process_ = [&] {
    ++ended;
    open();
  };
  options_.drain_wait = 1ms;
  options_.stop_wait = 1ms;
  send_slow(0, "1");
  send(1, "2");
  start();
  ASSERT_TRUE(wait_for_slow(1));
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 1) == 1; }));
  static_cast<void>(finish());
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(log_.count(LogLevel::error, "partition=0 offset=0"), 1U);
  EXPECT_EQ(committed(0), std::nullopt);
  EXPECT_EQ(committed(1), 1);
}

TEST_F(StreamsTest, EndsWhenOneOfItsDetectorsCannotBeLoaded) {
  on_load_ = [this] {
    if (loaded_ == 2) {
      throw inference::ModelError("no memory for a second one");
    }
  };
  kafka_.set_down(true);  // The model's fault is told without waiting for a broker.
  start();
  EXPECT_EQ(message_of<inference::ModelError>([this] { job_.get(); }), "no memory for a second one");
}

TEST_F(ConsumerTest, SaysThatThreadsDoNotDivideIntoStreams) {
  options_.threads = 5;
  options_.streams = 2;
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod).size() == 2; }));
  EXPECT_EQ(log_.count(LogLevel::warn, "5 threads do not divide into --streams 2: 4 are used"), 1U);
}

TEST_F(StreamsTest, RefusesMoreStreamsThanThreads) {
  options_.streams = 3;
  start();
  EXPECT_THAT(message_of<UsageError>([this] { job_.get(); }),
              testing::AllOf(HasSubstr("--streams"), HasSubstr("2 (--threads)"), HasSubstr("got 3")));
}

TEST_F(ConsumerTest, JoinsTheGroupOnlyWithALoadedModel) {
  std::size_t members_while_loading = 99;
  telemetry::Endpoint::Check while_loading;
  on_load_ = [&] {
    members_while_loading = kafka_.make_admin({}, {})->group(kGroup).members.size();
    while_loading = ready_();
  };
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod).size() == 2; }));
  EXPECT_EQ(members_while_loading, 0U);
  EXPECT_FALSE(while_loading.ok);
  EXPECT_THAT(while_loading.why, HasSubstr("model"));
  EXPECT_EQ(model_, "yolov3-tiny");
}

TEST_F(ConsumerTest, IsReadyOnlyWithPartitions) {
  NoListener listener;
  kafka::ConsumerOptions other;
  other.client.client_id = "other";
  other.group = kGroup;
  const auto first = kafka_.make_consumer(other);
  first->subscribe("yolo_input", listener);
  EXPECT_EQ(first->poll(0ms), nullptr);  // Has all partitions now.

  start();
  ASSERT_TRUE(eventually([&] { return progress_.count("assigned") == 1; }));
  EXPECT_FALSE(ready_().ok);
  EXPECT_THAT(ready_().why, HasSubstr("no partitions assigned"));
  EXPECT_TRUE(healthy_().ok);

  kafka_.assign(kPod, {1});
  ASSERT_TRUE(eventually([&] { return progress_.count("assigned") == 2; }));
  EXPECT_TRUE(ready_().ok);
}

TEST_F(ConsumerTest, ComputesWithTheThreadsThatTheQuotaAllowsAndSaysSo) {
  system_root_ = test::data_file("cgroup/v1");  // Half a CPU.
  options_.threads = 0;
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod).size() == 2; }));
  EXPECT_EQ(detector_options_.threads, 1);
  EXPECT_TRUE(log_.contains("threads=1 chosen_by=limits quota_cpus=0.50")) << log_.lines().at(0).text;
  EXPECT_TRUE(log_.contains("cgroup v1"));
  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_inference_threads 1"));
  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_cpu_quota_cpus 0.5"));
}

// A host with fewer CPUs than the quota was told of as a quota that is too small.
TEST_F(ConsumerTest, DoesNotWarnOfThreadsWithinTheQuota) {
  system_root_ = test::data_file("cgroup/hybrid");  // Three CPUs.
  options_.threads = 3;
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod).size() == 2; }));
  EXPECT_FALSE(log_.contains("more than the quota"));
}

TEST_F(ConsumerTest, WarnsOfMoreThreadsThanTheQuotaAllows) {
  system_root_ = test::data_file("cgroup/v1");
  options_.threads = 4;
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.assignment(kPod).size() == 2; }));
  EXPECT_EQ(detector_options_.threads, 1);
  EXPECT_EQ(detector_options_.streams, 4);
  EXPECT_EQ(loaded_, 4);
  EXPECT_EQ(log_.count(LogLevel::warn, "--threads 4"), 1U);
}

TEST_F(ConsumerTest, NamesAMissingTopicAndItsCure) {
  kafka_.delete_topic("yolo_output");
  start();
  EXPECT_THAT(
      message_of<kafka::KafkaError>([this] { job_.get(); }),
      testing::AllOf(HasSubstr("--output-topic"), HasSubstr("yolo_output"), HasSubstr("kexp topics create")));
}

TEST_F(ConsumerTest, GivesUpOnABrokerThatDoesNotCome) {
  test::FakeClock clock;
  kafka_.set_down(true);
  EXPECT_THAT(message_of<UnavailableError>([&] { return run_consumer(options_, ports(clock), {}); }),
              testing::AllOf(HasSubstr("--servers"), HasSubstr("waited 30.0 s")));
  EXPECT_GE(clock.now().time_since_epoch(), 30s);
  EXPECT_EQ(log_.count(LogLevel::warn, "waiting_for=broker"), 1U);
}

TEST_F(ConsumerTest, StartsOnceTheBrokerIsThere) {
  kafka_.set_down(true);
  send(0, "1");
  start();
  ASSERT_TRUE(eventually([&] { return log_.contains("waiting_for=broker"); }));
  // The broker is looked for while the model is loaded.
  EXPECT_TRUE(eventually([&] { return ready_().why == "waiting for the broker"; }));
  kafka_.set_down(false);
  EXPECT_TRUE(wait_for_answers(1));
}

TEST_F(ConsumerTest, EndsWhenStoppedWhileItWaitsForTheBroker) {
  kafka_.set_down(true);
  start();
  ASSERT_TRUE(eventually([&] { return log_.contains("waiting_for=broker"); }));
  EXPECT_EQ(finish().processed, 0U);
}

TEST_F(ConsumerTest, LeavesTheGroupWhenPollingIsHopeless) {
  send(0, "1");
  start();
  ASSERT_TRUE(kafka_.wait_until([&] { return kafka_.stored(kPod, 0) == 1; }));
  kafka_.fail_next_poll({ExitCode::failed, "GROUP_AUTHORIZATION_FAILED", false, "refused"});
  EXPECT_EQ(message_of<kafka::KafkaError>([this] { job_.get(); }), "refused");
  EXPECT_EQ(committed(0), 1);
  EXPECT_TRUE(kafka_.make_admin({}, {})->group(kGroup).members.empty());
}

// An offset that could not be stored at the end hid why the consumer ended, and kept it in its group.
TEST_F(ConsumerTest, LeavesTheGroupAndKeepsItsErrorWhenTheLastOffsetsCannotBeStored) {
  std::vector<std::uint64_t> tags;
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) { tags.push_back(record.tag); };
  kafka_.on_store_offset = [&](std::int32_t partition, std::int64_t) {
    if (partition == 0) {
      EXPECT_TRUE(kafka_.release_report(tags.at(1)));  // There will be something to store at the end.
    }
    throw kafka::KafkaError(ExitCode::failed, "_FAIL", false, fmt::format("store {} failed", partition));
  };
  kafka_.hold_reports();
  send(0, "1");
  send(1, "2");
  start();
  ASSERT_TRUE(wait_for_answers(2));
  ASSERT_TRUE(kafka_.release_report(tags.at(0)));
  EXPECT_EQ(message_of<kafka::KafkaError>([this] { job_.get(); }), "store 0 failed");
  EXPECT_EQ(log_.count(LogLevel::warn, "store 1 failed"), 1U);
  EXPECT_TRUE(kafka_.make_admin({}, {})->group(kGroup).members.empty());
}

}  // namespace
}  // namespace kexp::consumer
