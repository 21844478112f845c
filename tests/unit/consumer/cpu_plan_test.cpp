#include "cpu_plan.hpp"

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"

namespace kexp::consumer {
namespace {

using testing::HasSubstr;

CpuLimits quota(double cpus) { return {cpus, 64, "test"}; }

TEST(CpuPlanTest, GivesEachThreadAStream) {
  const CpuPlan plan = plan_cpus(0, 0, quota(4));
  EXPECT_EQ(plan.streams, 4);
  EXPECT_EQ(plan.threads_per_stream, 1);
  EXPECT_EQ(plan.threads(), 4);
}

TEST(CpuPlanTest, SplitsTheThreadsIntoTheStreamsThatAreAskedFor) {
  EXPECT_EQ(plan_cpus(0, 2, quota(4)).threads_per_stream, 2);
  EXPECT_EQ(plan_cpus(6, 1, quota(4)).threads_per_stream, 6);
  EXPECT_EQ(plan_cpus(5, 2, quota(4)).threads(), 4) << "what does not divide is left unused";
}

TEST(CpuPlanTest, KeepsOneThreadBusyUnderOneCpu) {
  for (const double cpus : {0.1, 0.5, 1.0, 1.2}) {
    const CpuPlan plan = plan_cpus(0, 0, quota(cpus));
    EXPECT_EQ(plan.threads(), 1) << cpus;
    EXPECT_FALSE(plan.decode_ahead) << cpus;
  }
}

TEST(CpuPlanTest, DecodesAheadWhereTheQuotaHasRoom) {
  EXPECT_TRUE(plan_cpus(0, 0, quota(1.25)).decode_ahead);
  EXPECT_TRUE(plan_cpus(1, 0, quota(2)).decode_ahead);
  EXPECT_FALSE(plan_cpus(2, 0, quota(2)).decode_ahead);
  EXPECT_FALSE(plan_cpus(0, 0, quota(2.2)).decode_ahead);
}

TEST(CpuPlanTest, CountsTheCpusOfTheHostWithoutAQuota) {
  const CpuPlan plan = plan_cpus(0, 0, {0, 3, "none"});
  EXPECT_EQ(plan.streams, 3);
  EXPECT_FALSE(plan.decode_ahead);
  EXPECT_TRUE(plan_cpus(2, 0, {0, 3, "none"}).decode_ahead);
}

TEST(CpuPlanTest, RefusesMoreStreamsThanThreads) {
  EXPECT_THAT(test::message_of<UsageError>([] { static_cast<void>(plan_cpus(2, 3, quota(8))); }),
              testing::AllOf(HasSubstr("--streams"), HasSubstr("2 (--threads)"), HasSubstr("got 3")));
  EXPECT_THAT(test::message_of<UsageError>([] { static_cast<void>(plan_cpus(0, 3, quota(2))); }),
              testing::AllOf(HasSubstr("--streams"), HasSubstr("2 (what CPUs and quota allow")));
}

}  // namespace
}  // namespace kexp::consumer
