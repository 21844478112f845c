#include "kexp/feeder/plan_plot.hpp"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kexp::feeder {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

cycle::PlanOptions steps(std::vector<cycle::Segment> segments, double peak_bytes_per_s) {
  cycle::PlanOptions options;
  options.curve.profile = "steps:read before";
  options.curve.read_segments = std::move(segments);
  options.peak_bytes_per_s = peak_bytes_per_s;
  return options;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::size_t columns_of(const std::string& line) {  // Of UTF-8: every byte but continuations.
  return static_cast<std::size_t>(std::count_if(
      line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

TEST(PlanPlotTest, ShowsRatesTimesAndTheAverage) {
  // Images of 1 kB at 1 MB/s and a quarter of it: every column holds whole ones.
  const cycle::Plan plan = cycle::Plan::make(steps({{0, 32, 0.25}, {32, 16, 1}, {48, 16, 0}}, 1e6), {1000});

  EXPECT_EQ(plot(plan, {41, 4}),
            "      1 ┬ MB/s\n"
            "        │                ████████\n"
            "        │                ████████\n"
            "  0.375 +                ████████\n"
            "        │████████████████████████\n"
            "      0 └┬──────┬───────┬───────┬───────┬\n"
            "         0 s         32.0 s    1 min 04 s\n");
}

TEST(PlanPlotTest, TheDefaultDayFitsSeventyTwoColumns) {
  cycle::PlanOptions options;
  options.peak_bytes_per_s = 15e6;

  const auto lines = lines_of(plot(cycle::Plan::make(options, {300'000})));

  ASSERT_EQ(lines.size(), 1U + 12 + 2);
  for (const std::string& line : lines) {
    EXPECT_LE(columns_of(line), 72U) << line;
    EXPECT_NE(line.back(), ' ');
  }
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const std::string& line) { return line.find('+') != std::string::npos; }),
            1);
  EXPECT_THAT(lines[6], HasSubstr("7.78 +"));  // 0.5185 of 15, in the seventh of the rows up to 14.5.
  EXPECT_THAT(lines.back(), HasSubstr("0 s         30 min            1 h        1 h 30 min         2 h"));
}

TEST(PlanPlotTest, ALittleLoadIsNotNone) {
  const cycle::Plan plan = cycle::Plan::make(steps({{0, 10, 0.001}, {10, 10, 1}, {20, 10, 0}}, 1e6), {100});

  const auto lines = lines_of(plot(plan, {39, 1}));

  EXPECT_EQ(lines.at(1), "  0.334 +▁▁▁▁▁▁▁▁▁▁██████████");
}

TEST(PlanPlotTest, LabelsThatDoNotFitAreLeftOut) {
  const cycle::Plan plan = cycle::Plan::make(steps({{0, 5025, 1}}, 1e6), {1'000'000});

  for (int columns = 32; columns < 80; ++columns) {
    const auto lines = lines_of(plot(plan, {columns, 3}));
    ASSERT_THAT(lines.back(), HasSubstr("0 s"));
    EXPECT_THAT(lines.back(), testing::EndsWith("  1 h 24 min"));
    EXPECT_LE(columns_of(lines.back()), static_cast<std::size_t>(columns));
  }
}

TEST(PlanPlotTest, ABurstAndAnEmptyPlanHaveNone) {
  cycle::PlanOptions burst;
  burst.curve.profile = "burst";
  burst.burst_images = 3;

  EXPECT_EQ(plot(cycle::Plan::make(burst, {10})), "");
  EXPECT_EQ(plot(cycle::Plan::make(steps({{0, 1, 1}}, 10), {1000})), "");
}

TEST(PlanWarningsTest, SegmentsOfFewImagesAreCounted) {
  const cycle::Plan plan =
      cycle::Plan::make(steps({{0, 10, 1}, {10, 10, 0.1}, {20, 10, 0}, {30, 10, 0.15}}, 10'000), {1000});

  EXPECT_THAT(
      warnings(plan),
      ElementsAre(HasSubstr("fewer than 20 images in 2 of the 3 segments with a load, the least 10: whole")));
}

TEST(PlanWarningsTest, APlanOfManyImagesOnEvenPartitionsHasNone) {
  cycle::PlanOptions options = steps({{0, 100, 1}}, 100'000);
  options.partitions = 34;

  EXPECT_THAT(warnings(cycle::Plan::make(options, {1000})), IsEmpty());
}

TEST(PlanWarningsTest, PartitionsThatAreUnevenAreNamed) {
  cycle::PlanOptions options = steps({{0, 100, 1}}, 10'000);
  options.partitions = 34;
  options.partitioner = cycle::Partitioner::random;

  EXPECT_THAT(warnings(cycle::Plan::make(options, {1000})),
              ElementsAre(testing::ContainsRegex("the fullest of 34 partitions gets [0-9]+ % more bytes")));
}

TEST(PlanWarningsTest, APlanWithoutImagesIsNamed) {
  EXPECT_THAT(warnings(cycle::Plan::make(steps({{0, 1, 1}}, 10), {1000})),
              ElementsAre(HasSubstr("no image")));
}

}  // namespace
}  // namespace kexp::feeder
