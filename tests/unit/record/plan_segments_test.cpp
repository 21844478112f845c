#include "kexp/record/plan_segments.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using record::read_plan_segments;

class PlanSegmentsTest : public testing::Test {
 protected:
  void write(const char* rows) const {
    std::ofstream(temp_ / "plan.csv") << "segment,start_s,duration_s,target_mbps,bytes,images\n" << rows;
  }
  TempDir temp_;
};

TEST_F(PlanSegmentsTest, IdsAreInTheOrderOfThePlan) {
  write("0,0,1.5,1,100,2\n1,1.5,1.5,0,0,0\n2,3,1.5,1,300,3\n");
  const auto segments = read_plan_segments(temp_.path());
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[2].start_s, 3);
  EXPECT_EQ(segments[0].duration_s, 1.5);
  EXPECT_EQ(segments[2].images, 3);
  EXPECT_EQ(segments[2].end_id, 5);
}

TEST_F(PlanSegmentsTest, WithoutAWholePlanThereAreNone) {
  EXPECT_TRUE(read_plan_segments(temp_.path()).empty());
  write("0,0,1,1,100,2\n1,broken,1,1,100,2\n");
  EXPECT_TRUE(read_plan_segments(temp_.path()).empty());
}

}  // namespace
}  // namespace kexp::test
