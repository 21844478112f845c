#include "sample_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::int64_t> times(const std::vector<prom::Sample>& samples) {
  std::vector<std::int64_t> result;
  for (const prom::Sample& sample : samples) {
    result.push_back(sample.ts_ms);
  }
  return result;
}

TEST(SampleStoreTest, GivesBackBySeriesWhatCameByTime) {
  const test::TempDir dir;
  SampleStore store(dir.path(), 3);
  store.append(0, std::vector<prom::Sample>{{1, 0.1}, {2, 0.2}});
  store.append(2, std::vector<prom::Sample>{{1, -1}});
  store.append(0, std::vector<prom::Sample>{});
  store.append(0, std::vector<prom::Sample>{{3, 0.3}});

  EXPECT_EQ(times(store.read(0)), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(store.read(0)[2].value, 0.3);
  EXPECT_THAT(store.read(1), IsEmpty());
  EXPECT_EQ(store.count(2), 1U);
}

TEST(SampleStoreTest, RefusesAPointTwice) {
  const test::TempDir dir;
  SampleStore store(dir.path(), 1);
  store.append(0, std::vector<prom::Sample>{{1, 1}, {2, 1}});
  EXPECT_THAT(test::message_of<FailedError>([&] {
                store.append(0, std::vector<prom::Sample>{{2, 1}, {3, 1}});
              }),
              HasSubstr("twice"));
}

TEST(SampleStoreTest, LeavesNoFileVisible) {
  const test::TempDir dir;
  const SampleStore store(dir.path(), 1);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(SampleStoreTest, SaysThatItsFolderIsMissing) {
  const test::TempDir dir;
  EXPECT_THAT(test::message_of<FailedError>([&] { SampleStore(dir / "none", 1); }), HasSubstr("none"));
}

}  // namespace
}  // namespace kexp::extractor
