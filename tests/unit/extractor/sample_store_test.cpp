#include "sample_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Samples = std::vector<std::pair<std::int64_t, double>>;

void append(SampleStore& store, std::size_t series, const Samples& samples) {
  std::vector<std::int64_t> ts_ms;
  std::vector<double> values;
  for (const auto& [time, value] : samples) {
    ts_ms.push_back(time);
    values.push_back(value);
  }
  store.append(series, {ts_ms, values, {}, {}});
}

Samples samples_of(const SampleStore& store, std::size_t series) {
  Samples samples;
  store.visit(series, [&](const SeriesRows& rows) {
    for (std::size_t i = 0; i < rows.ts_ms.size(); ++i) {
      samples.emplace_back(rows.ts_ms[i], rows.values[i]);
    }
  });
  return samples;
}

TEST(SampleStoreTest, GivesBackBySeriesWhatCameByTime) {
  const test::TempDir dir;
  SampleStore store(dir.path(), 3);
  append(store, 0, {{1, 0.1}, {2, 0.2}});
  append(store, 2, {{1, -1}});
  append(store, 0, {});
  append(store, 0, {{3, 0.3}});

  EXPECT_THAT(samples_of(store, 0), ElementsAre(Pair(1, 0.1), Pair(2, 0.2), Pair(3, 0.3)));
  EXPECT_THAT(samples_of(store, 1), IsEmpty());
  EXPECT_THAT(samples_of(store, 2), ElementsAre(Pair(1, -1)));
}

TEST(SampleStoreTest, KeepsEndsAndHistograms) {
  const test::TempDir dir;
  SampleStore store(dir.path(), 2);
  const std::vector<std::int64_t> ended = {7};
  const std::vector<prom::Histogram> histograms(2);
  store.append(1, {{}, {}, ended, histograms});
  store.append(1, {{}, {}, ended, {}});

  std::size_t ends = 0, found = 0;
  store.visit(1, [&](const SeriesRows& rows) {
    ends += rows.ended_ms.size();
    found += rows.histograms.size();
  });
  EXPECT_EQ(ends, 2U);
  EXPECT_EQ(found, 2U);
}

TEST(SampleStoreTest, ForgetsWhatItIsToldToForget) {
  const test::TempDir dir;
  SampleStore store(dir.path(), 2);
  append(store, 0, {{5, 1}});
  store.clear();
  append(store, 0, {{1, 2}});
  EXPECT_THAT(samples_of(store, 0), ElementsAre(Pair(1, 2)));
  EXPECT_EQ(store.series(), 2U);
}

TEST(SampleStoreTest, RefusesAPointTwice) {
  const test::TempDir dir;
  SampleStore store(dir.path(), 1);
  append(store, 0, {{1, 1}, {2, 1}});
  EXPECT_THAT(test::message_of<FailedError>([&] { append(store, 0, {{2, 1}, {3, 1}}); }), HasSubstr("twice"));
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
