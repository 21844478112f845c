#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/feeder/feeder.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"
#include "support/recording_progress.hpp"
#include "support/temp_dir.hpp"

namespace kexp::feeder {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void write_dataset(const std::filesystem::path& file, const std::vector<std::size_t>& sizes,
                   std::uint8_t byte = 7) {
  dataset::Writer writer(file, "camera");
  for (const std::size_t size : sizes) {
    writer.add(std::vector<std::uint8_t>(size, byte));
  }
  writer.finish();
}

class PlanFilesTest : public testing::Test {
 protected:
  PlanFilesTest() {
    write_dataset(dir_ / "images.hdf5", {1000, 3000, 500});
    options_.dataset = dir_ / "images.hdf5";
    options_.curve.duration_s = 20.3;
    options_.curve.n_cycles = 2;
    options_.peak = ByteRate::megabytes_per_second(0.07);
    options_.partitions = 3;
  }

  PreparedPlan store(const FeederOptions& options) {
    PreparedPlan prepared = prepare_plan(options);
    keep_plan(dir_ / "stored", prepared);
    return prepared;
  }
  FeederOptions replay() {
    FeederOptions options;
    options.dataset = dir_ / "images.hdf5";
    options.plan = dir_ / "stored";
    return options;
  }
  Json stored() { return read_json(dir_ / "stored" / "plan.json"); }
  /// What is said to a replay of that plan.json.
  std::string refusal_of(const Json& json) {
    std::filesystem::create_directories(dir_ / "changed");
    write_json(dir_ / "changed" / "plan.json", json);
    FeederOptions options = replay();
    options.plan = dir_ / "changed";
    return refusal(options);
  }
  std::string refusal(const FeederOptions& options) {
    return test::message_of<UsageError>([&] { (void)prepare_plan(options); });
  }

  test::TempDir dir_;
  FeederOptions options_;
};

TEST_F(PlanFilesTest, AKeptPlanIsReplacedByNoOther) {
  const auto refused = [this] {
    return test::message_of<UsageError>([this] {
      (void)store(options_);
      return 0;
    });
  };
  const PreparedPlan first = store(options_);
  EXPECT_EQ(store(options_).plan_hash, first.plan_hash);
  options_.partitions = 4;
  EXPECT_THAT(refused(), AllOf(HasSubstr("--out"), HasSubstr("another plan, " + first.plan_hash)));

  options_.partitions = 3;
  write_dataset(dir_ / "others.hdf5", {1000, 3000, 500}, 8);  // As large, so that the plans are equal.
  options_.dataset = dir_ / "others.hdf5";
  EXPECT_THAT(refused(), AllOf(HasSubstr("--out"), HasSubstr("another dataset, " + first.dataset_hash)));
  EXPECT_EQ(stored().at("dataset_hash"), first.dataset_hash);
}

TEST_F(PlanFilesTest, AReplayedPlanIsTheSameWhateverElseTheOptionsSay) {
  options_.arrival = cycle::Arrival::poisson;
  options_.partitioner = cycle::Partitioner::random;
  options_.shuffle = true;
  options_.seed = 99;
  options_.curve.curve = cycle::Curve::legacy;
  options_.peak = ByteRate::bytes_per_second(70'000.1 / 3);  // No whole number of MB/s gives it.
  const PreparedPlan first = store(options_);
  FeederOptions options = replay();
  options.curve.duration_s = 1;
  options.max_images_per_s = 3;

  const PreparedPlan again = prepare_plan(options);

  EXPECT_EQ(again.plan_hash, first.plan_hash);
  EXPECT_EQ(again.options.partitions, 3U);
}

TEST_F(PlanFilesTest, AStoredPlanIsOfThePlanAlone) {
  options_.client.servers = "kafka-1:9092";
  options_.topic = "elsewhere";
  options_.t0 = test::FakeClock::kStart;
  options_.shard = {2, 3};
  (void)store(options_);
  const std::string text = read_file(dir_ / "stored" / "plan.json");
  options_.client.servers = "kafka-2:9092";
  options_.topic = "here";
  options_.shard = {1, 3};

  (void)store(options_);

  EXPECT_EQ(read_file(dir_ / "stored" / "plan.json"), text);  // Each shard writes the same bytes.
}

TEST_F(PlanFilesTest, TheSkewOfThePartitionsIsStored) {
  options_.partitioner = cycle::Partitioner::random;
  const PreparedPlan prepared = store(options_);

  const cycle::PartitionSkew skew = cycle::skew_of(prepared.plan.partition_bytes());
  EXPECT_GT(skew.cv, 0);
  const Json json = stored().at("partition_bytes");
  EXPECT_EQ(json.at("min"), skew.least_bytes);
  EXPECT_EQ(json.at("max"), skew.most_bytes);
  EXPECT_EQ(json.at("mean"), skew.mean_bytes);
  EXPECT_EQ(json.at("cv"), skew.cv);
  EXPECT_EQ(json.at("max_over_mean"), skew.most_over_mean);
}

TEST_F(PlanFilesTest, ASettingThatMakesAnotherPlanIsRefused) {
  (void)store(options_);
  for (const auto& [name, value] : {std::pair<const char*, Json>{"duration_s", 21.0},
                                    {"breakpoints", 199},
                                    {"n_cycles", 3},
                                    {"peak_bytes_per_s", 70'001.0},
                                    {"max_ips", 5.0},
                                    {"curve", "legacy"},
                                    {"profile", "constant"},
                                    {"arrival", "poisson"},
                                    {"partitioner", "random"},
                                    {"shuffle", true}}) {
    Json json = stored();
    json["settings"][name] = value;
    EXPECT_THAT(refusal_of(json),
                AllOf(HasSubstr("--plan"), HasSubstr("plan hash"), HasSubstr(stored().at("plan_hash"))))
        << name;
  }
}

TEST_F(PlanFilesTest, AChangedTableIsRefusedAndAMissingOneIsNot) {
  (void)store(options_);
  const std::filesystem::path table = replay().plan / "plan.csv";
  write_file_atomically(table, read_file(table) + "1,2,3,4,5,6\n");
  EXPECT_THAT(refusal(replay()), AllOf(HasSubstr("--plan"), HasSubstr("plan.csv"), HasSubstr("plan again")));
  std::filesystem::remove(table);
  EXPECT_NO_THROW((void)prepare_plan(replay()));
}

TEST_F(PlanFilesTest, AnotherDatasetIsRefused) {
  (void)store(options_);
  write_dataset(dir_ / "other.hdf5", {1000, 3000, 501});
  FeederOptions options = replay();
  options.dataset = dir_ / "other.hdf5";

  EXPECT_THAT(refusal(options), AllOf(HasSubstr("--plan"), HasSubstr("dataset hash"), HasSubstr("other.hdf5"),
                                      HasSubstr(stored().at("dataset_hash"))));
}

TEST_F(PlanFilesTest, ATopicOfOtherPartitionsIsRefusedAndLeavesNoRun) {
  (void)store(options_);
  test::FakeClock clock;
  test::FakeKafka kafka(clock);
  test::CapturingLog log;
  test::RecordingProgress progress;
  telemetry::Metrics metrics;
  kafka.add_topic("yolo_input", 4);
  FeederOptions options = replay();
  options.run = dir_ / "run";

  EXPECT_THAT(test::message_of<UsageError>([&] {
                (void)run_feeder(options, {kafka, clock, log, progress, metrics}, {});
              }),
              AllOf(HasSubstr("--plan"), HasSubstr("3 partitions"),
                    HasSubstr("yolo_input has 4: plan again with --partitions 4")));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "run"));
}

TEST_F(PlanFilesTest, AReplayedRunHoldsTheSettingsThatTookEffect) {
  (void)store(options_);
  test::FakeClock clock;
  test::FakeKafka kafka(clock);
  test::CapturingLog log;
  test::RecordingProgress progress;
  telemetry::Metrics metrics;
  kafka.add_topic("yolo_input", 3);
  FeederOptions options = replay();
  options.run = dir_ / "run";

  (void)run_feeder(options, {kafka, clock, log, progress, metrics}, {});

  const std::string events = read_file(dir_ / "run" / "feed.json");
  EXPECT_THAT(events, HasSubstr("\"duration_s\":20.3"));
  EXPECT_THAT(events, HasSubstr("\"plan\":\"" + (dir_ / "stored").string()));
  EXPECT_EQ(read_file(dir_ / "run" / "plan.json"), read_file(dir_ / "stored" / "plan.json"));
}

TEST_F(PlanFilesTest, SegmentsOfAStoredFileProfileThatCannotBeAreRefused) {
  options_.curve.profile = "steps:" + dir_.write("steps.csv", "10,0.5\n0.3,1\n").string();
  (void)store(options_);
  std::filesystem::remove(dir_ / "steps.csv");
  EXPECT_EQ(prepare_plan(replay()).plan_hash, stored().at("plan_hash"));

  for (const auto& [what, segments] :
       {std::pair<const char*, Json>{"no segments", Json::array()},
        {"negative", {{{"start_s", 0.0}, {"duration_s", 1.0}, {"fraction", -1.0}}}},
        {"lasts 1000000000000000 s", {{{"start_s", 0.0}, {"duration_s", 1e15}, {"fraction", 1.0}}}},
        {"\"fraction\"", {{{"start_s", 0.0}, {"duration_s", 1.0}}}},
        {"\"start_s\"", {1, 2}}}) {
    Json json = stored();
    json["segments"] = segments;
    EXPECT_THAT(refusal_of(json), AllOf(HasSubstr("--plan"), HasSubstr(what)));
  }
}

}  // namespace
}  // namespace kexp::feeder
