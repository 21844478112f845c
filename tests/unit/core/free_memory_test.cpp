#include "kexp/core/free_memory.hpp"

#include <gtest/gtest.h>

#include "support/data.hpp"
#include "support/temp_dir.hpp"

namespace kexp {
namespace {

std::optional<FreeMemory> free_in(std::string_view tree) {
  return read_free_memory(test::data_file("cgroup") / tree);
}

TEST(FreeMemoryTest, NestedV2TakesTheGroupThatLeavesTheLeast) {
  const auto memory = free_in("v2-nested");

  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->bytes,
            2'147'483'648 - (1'100'000'000 - 700'000'000));  // The pod's; its container has 4 GiB.
  EXPECT_EQ(memory->source,
            "cgroup v2 /sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/"
            "kubepods-burstable-pod7f.slice/memory.max");
}

TEST(FreeMemoryTest, V1CountsDroppableFilePagesOfAllBelowAsFree) {
  const auto memory = free_in("v1");

  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->bytes, 536'870'912 - (400'000'000 - 300'000'000));
  EXPECT_EQ(memory->source, "cgroup v1 /sys/fs/cgroup/memory/memory.limit_in_bytes");
}

TEST(FreeMemoryTest, WithoutALimitItIsWhatTheMachineHas) {
  const auto memory = free_in("unlimited");

  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->bytes, 20'000'000LL * 1024);
  EXPECT_EQ(memory->source, "MemAvailable");
}

TEST(FreeMemoryTest, AGroupBeyondItsLimitLeavesNothing) {
  const test::TempDir root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", "1 2 0:3 / /c rw - cgroup2 cgroup2 rw\n");
  root.write("c/memory.max", "1000\n");
  root.write("c/memory.current", "1200\n");  // Without memory.stat.

  EXPECT_EQ(read_free_memory(root.path()).value().bytes, 0);
}

TEST(FreeMemoryTest, V1WithoutALimitLeavesMoreThanThereIs) {
  const test::TempDir root;
  root.write("proc/meminfo", "MemAvailable:    1000 kB\n");
  root.write("proc/self/cgroup", "4:memory:/\n");
  root.write("proc/self/mountinfo", "1 2 0:3 / /m rw - cgroup cgroup rw,memory\n");
  root.write("m/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("m/memory.usage_in_bytes", "500\n");

  EXPECT_EQ(read_free_memory(root.path()).value().source, "MemAvailable");
  EXPECT_FALSE(read_group_memory(root.path()).has_value());
}

TEST(FreeMemoryTest, OfTheGroupsAloneTheMachineDoesNotCount) {
  EXPECT_EQ(read_group_memory(test::data_file("cgroup/v1")).value().bytes,
            536'870'912 - (400'000'000 - 300'000'000));
  EXPECT_FALSE(read_group_memory(test::data_file("cgroup/unlimited")).has_value());
}

TEST(FreeMemoryTest, NothingReadableSaysNothing) {
  const test::TempDir root;
  EXPECT_EQ(read_free_memory(root.path()).has_value(), false);
  root.write("proc/meminfo", "MemAvailable: lots kB\n");
  EXPECT_EQ(read_free_memory(root.path()).has_value(), false);
}

TEST(FreeMemoryTest, ReadsThisMachine) {
  const auto memory = read_free_memory();

  ASSERT_TRUE(memory.has_value());
  EXPECT_GT(memory->bytes, 0);
}

}  // namespace
}  // namespace kexp
