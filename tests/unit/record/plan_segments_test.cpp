#include "kexp/record/plan_segments.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using record::read_plan_segments;
using testing::HasSubstr;

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
  EXPECT_EQ(segments[2].target_bytes_per_s, 1e6);
  EXPECT_EQ(segments[2].bytes, 300);
  EXPECT_EQ(segments[2].images, 3);
  EXPECT_EQ(segments[2].end_id, 5);
}

TEST_F(PlanSegmentsTest, WhatIsNoPlanIsNamed) {
  const auto message = [&] {
    return message_of<FailedError>([&] { return read_plan_segments(temp_.path()); });
  };
  EXPECT_THAT(message(), HasSubstr("plan.csv"));
  write("");
  EXPECT_THAT(message(), HasSubstr("no segments"));
  write("0,0,1,1,100,2\n1,broken,1,1,100,2\n");
  EXPECT_THAT(message(), HasSubstr("plan.csv:3: \"broken\" is not a number"));
  write("0,0,1,1,100\n");
  EXPECT_THAT(message(), HasSubstr("plan.csv:2 has 5 fields"));
  std::ofstream(temp_ / "plan.csv") << "a,b\n";
  EXPECT_THAT(message(), HasSubstr("columns of a plan"));
}

}  // namespace
}  // namespace kexp::test
