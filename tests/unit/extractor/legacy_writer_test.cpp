#include "legacy_writer.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/file.hpp"
#include "kexp/core/sha256.hpp"

#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kStart = 1'706'598'615'000;

class LegacyWriterTest : public ::testing::Test {
 protected:
  void add(LegacyWriter& writer, std::size_t series, std::vector<std::int64_t> seconds,
           std::vector<double> values) {
    for (std::int64_t& time : seconds) {
      time = kStart + time * 1000;
    }
    writer.add(series, {seconds, values, {}, {}});
  }
  std::string file(const std::string& name) const { return read_file(dir_ / ("up/" + name)); }

  const test::TempDir dir_;
  const PlannedMetric metric_{"up", {{0, R"({"job":"a \"b\""})", "", ""}, {0, "{}", "", ""}}, 0};
  const prom::Window window_{WallTime(std::chrono::milliseconds(kStart)),
                             WallTime(std::chrono::milliseconds(kStart)) + 25s};
};

// As json.dump(answer, file, indent=4) writes it.
TEST_F(LegacyWriterTest, WritesAnAnswerOfPrometheusIndentedByFour) {
  LegacyWriter writer(dir_.path(), metric_, window_, 100s);
  add(writer, 0, {0, 5}, {1, 0.1});
  add(writer, 1, {5}, {std::nan("")});
  EXPECT_FALSE(std::filesystem::exists(dir_ / "up/1706598615-1706598640.json"));
  const WrittenMetric written = writer.finish();
  EXPECT_EQ(file("1706598615-1706598640.json"), R"({
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {
                "metric": {
                    "__name__": "up",
                    "job": "a \"b\""
                },
                "values": [
                    [
                        1706598615,
                        "1"
                    ],
                    [
                        1706598620,
                        "0.1"
                    ]
                ]
            },
            {
                "metric": {
                    "__name__": "up"
                },
                "values": [
                    [
                        1706598620,
                        "NaN"
                    ]
                ]
            }
        ]
    }
})");
  EXPECT_EQ(written.samples, 3U);
  EXPECT_EQ(written.files[0].rows, 3U);
  EXPECT_EQ(written.files[0].sha256, sha256_of_file(dir_ / written.files[0].name));
}

TEST_F(LegacyWriterTest, AFileEndsWhereTheNextBeginsAndNoPointIsInBoth) {
  LegacyWriter writer(dir_.path(), metric_, window_, 10s);
  add(writer, 0, {0, 5, 10, 15, 20, 25}, {0, 1, 2, 3, 4, 5});
  const WrittenMetric written = writer.finish();
  ASSERT_EQ(written.files.size(), 3U);
  EXPECT_EQ(written.files[0].name, "up/1706598615-1706598625.json");
  EXPECT_EQ(written.files[2].name, "up/1706598635-1706598640.json");
  EXPECT_EQ(written.files[0].rows + written.files[1].rows, 4U);
  EXPECT_EQ(written.files[2].rows, 2U) << "the last has its end";
}

TEST_F(LegacyWriterTest, ASegmentWithoutPointsHasAnEmptyAnswer) {
  LegacyWriter writer(dir_.path(), metric_, window_, 100s);
  static_cast<void>(writer.finish());
  EXPECT_EQ(file("1706598615-1706598640.json"),
            "{\n    \"status\": \"success\",\n    \"data\": {\n        \"resultType\": \"matrix\",\n"
            "        \"result\": []\n    }\n}");
}

TEST_F(LegacyWriterTest, ForgetsEverythingAtARestart) {
  LegacyWriter writer(dir_.path(), metric_, window_, 10s);
  add(writer, 0, {0, 5, 10}, {7, 7, 7});
  writer.restart();
  add(writer, 0, {0}, {1});
  EXPECT_EQ(writer.finish().samples, 1U);
  EXPECT_EQ(file("1706598615-1706598625.json").find("\"7\""), std::string::npos);
}

TEST_F(LegacyWriterTest, LeavesNothingHalfWritten) {
  {
    LegacyWriter writer(dir_.path(), metric_, window_, 10s);
    std::vector<std::int64_t> times(100'000);
    add(writer, 0, times, std::vector<double>(times.size()));  // More than it keeps in memory.
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "up"));
}

}  // namespace
}  // namespace kexp::extractor
