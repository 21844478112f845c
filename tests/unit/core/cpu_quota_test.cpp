#include "kexp/core/cpu_quota.hpp"

#include <gtest/gtest.h>

#include "support/data.hpp"
#include "support/temp_dir.hpp"

namespace kexp {
namespace {

std::filesystem::path tree(std::string_view name) { return test::data_file("cgroup") / name; }

TEST(CpuQuotaTest, NestedV2TakesTheSmallestOnTheWayUp) {
  const CpuLimits limits = read_cpu_limits(tree("v2-nested"));

  EXPECT_DOUBLE_EQ(limits.quota_cpus, 1.5);  // The pod's; its container may 2.
  EXPECT_EQ(limits.source,
            "cgroup v2 /sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/"
            "kubepods-burstable-pod7f.slice/cpu.max");
}

TEST(CpuQuotaTest, NestedV2ThrottlingIsThatOfTheSmallestQuota) {
  EXPECT_EQ(ThrottleMeter(tree("v2-nested")).read(), 2'500'000);
}

TEST(CpuQuotaTest, ContainerSeesItsGroupAsTheRoot) {
  const CpuLimits limits = read_cpu_limits(tree("v2-container"));

  EXPECT_DOUBLE_EQ(limits.quota_cpus, 2.5);
  EXPECT_EQ(limits.source, "cgroup v2 /sys/fs/cgroup/cpu.max");
  EXPECT_EQ(ThrottleMeter(tree("v2-container")).read(), 42'000);
}

TEST(CpuQuotaTest, V1ContainerWhoseMountShowsItsOwnGroup) {
  const CpuLimits limits = read_cpu_limits(tree("v1"));

  EXPECT_DOUBLE_EQ(limits.quota_cpus, 0.5);
  EXPECT_EQ(limits.source, "cgroup v1 /sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us");
  EXPECT_EQ(ThrottleMeter(tree("v1")).read(), 123'456'789);
}

TEST(CpuQuotaTest, HybridFindsTheQuotaInV1) {
  const CpuLimits limits = read_cpu_limits(tree("hybrid"));

  EXPECT_DOUBLE_EQ(limits.quota_cpus, 3);
  EXPECT_EQ(limits.source, "cgroup v1 /sys/fs/cgroup/cpu,cpuacct/system.slice/kexp.service/cpu.cfs_quota_us");
  EXPECT_EQ(ThrottleMeter(tree("hybrid")).read(), 0);
}

TEST(CpuQuotaTest, PeriodsAreReadBesideTheTime) {
  const test::TempDir root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", "1 2 0:3 / /c rw - cgroup2 cgroup2 rw\n");
  root.write("c/cpu.max", "100000 100000\n");
  root.write("c/cpu.stat", "usage_usec 9\nnr_periods 12\nnr_throttled 3\nthrottled_usec 7\n");
  const Throttling throttling = ThrottleMeter(root.path()).read_all().value();
  EXPECT_EQ(throttling.periods, 12);
  EXPECT_EQ(throttling.throttled_periods, 3);
  EXPECT_EQ(throttling.throttled, std::chrono::microseconds(7));
}

TEST(CpuQuotaTest, TheSmallerOfQuotaAndAffinityIsLeft) {
  EXPECT_DOUBLE_EQ((CpuLimits{1.5, 4, ""}).cpus(), 1.5);
  EXPECT_DOUBLE_EQ((CpuLimits{8, 4, ""}).cpus(), 4);
  EXPECT_DOUBLE_EQ((CpuLimits{0, 4, ""}).cpus(), 4) << "no quota";
}

TEST(CpuQuotaTest, MaxIsNoQuota) {
  const CpuLimits limits = read_cpu_limits(tree("unlimited"));

  EXPECT_EQ(limits.quota_cpus, 0);
  EXPECT_EQ(limits.source, "none");
  EXPECT_EQ(ThrottleMeter(tree("unlimited")).read(), std::nullopt);
}

TEST(CpuQuotaTest, WithoutProcNothingIsLimited) {
  const test::TempDir empty;

  EXPECT_EQ(read_cpu_limits(empty.path()).source, "none");
  EXPECT_GE(read_cpu_limits(empty.path()).affinity_cpus, 1);
  EXPECT_EQ(ThrottleMeter(empty.path()).read(), std::nullopt);
}

// Finding the file again for each reading took 0.1 ms, twice an image.
TEST(CpuQuotaTest, ThrottlingIsReadFromAFileThatIsLookedForOnce) {
  const test::TempDir root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", "1 2 0:3 / /c rw - cgroup2 cgroup2 rw\n");
  root.write("c/cpu.max", "100000 100000\n");
  const ThrottleMeter meter(root.path());
  std::filesystem::remove_all(root.path() / "proc");
  root.write("c/cpu.stat", "usage_usec 9\nthrottled_usec 7\n");
  EXPECT_EQ(meter.read(), 7'000);
  root.write("c/cpu.stat", "usage_usec 9\nthrottled_usec 8\n");
  EXPECT_EQ(meter.read(), 8'000);
  root.write("c/cpu.stat", "usage_usec 9\n");
  EXPECT_EQ(meter.read(), std::nullopt);
}

TEST(CpuQuotaTest, GroupOutsideOfTheNamespaceFallsBackToTheMountPoint) {
  const test::TempDir root;
  root.write("proc/self/cgroup", "0::/../../other\n");
  root.write("proc/self/mountinfo", "1 2 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  root.write("sys/fs/cgroup/cpu.max", "400000 100000\n");

  EXPECT_DOUBLE_EQ(read_cpu_limits(root.path()).quota_cpus, 4);
}

TEST(CpuQuotaTest, MountFromOutsideOfTheNamespaceIsItsOwnGroup) {
  const test::TempDir root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", "1 2 0:3 /../../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  root.write("sys/fs/cgroup/cpu.max", "100000 100000\n");

  EXPECT_DOUBLE_EQ(read_cpu_limits(root.path()).quota_cpus, 1);
}

TEST(CpuQuotaTest, MountPointWithABlankIsFound) {
  const test::TempDir root;
  root.write("proc/self/cgroup", "0::/a\n");
  root.write("proc/self/mountinfo", "1 2 0:3 / /my\\040groups rw - cgroup2 cgroup2 rw\n");
  root.write("my groups/a/cpu.max", "100000 100000\n");

  EXPECT_EQ(read_cpu_limits(root.path()).source, "cgroup v2 /my groups/a/cpu.max");
}

TEST(CpuQuotaTest, GarbageLimitsNothing) {
  const test::TempDir root;
  root.write("proc/self/cgroup", "0::/\nnonsense\n1:\n");
  root.write("proc/self/mountinfo", "1 2\n1 2 0:3 / /c rw - cgroup2 cgroup2 rw\n - \n");
  for (const char* text : {"", "\n", "100000\n", "-5 100000\n", "100000 0\n", "12x 100000\n", "1 2 3\n"}) {
    root.write("c/cpu.max", text);
    EXPECT_EQ(read_cpu_limits(root.path()).source, "none") << text;
  }
}

TEST(CpuQuotaTest, ThreadsAreTheWholeCpusOfTheSmallerLimit) {
  EXPECT_EQ((CpuLimits{0, 8, ""}).threads(), 8);
  EXPECT_EQ((CpuLimits{2.5, 8, ""}).threads(), 2);
  EXPECT_EQ((CpuLimits{16, 8, ""}).threads(), 8);
  EXPECT_EQ((CpuLimits{0.5, 8, ""}).threads(), 1);
}

TEST(CpuQuotaTest, ReadsThisMachine) {
  const CpuLimits limits = read_cpu_limits();

  EXPECT_GE(limits.affinity_cpus, 1);
  EXPECT_GE(limits.threads(), 1);
  EXPECT_EQ(limits.quota_cpus > 0, limits.source != "none");
}

}  // namespace
}  // namespace kexp
