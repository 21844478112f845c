#include "piece_points.hpp"

#include <gmock/gmock.h>

namespace kexp::extractor {
namespace {

using namespace std::chrono_literals;
using prom::Grid;
using ::testing::ElementsAre;

constexpr Grid kPiece{100'000, 5000, 100};

std::vector<prom::Sample> samples(std::int64_t from, std::int64_t to) {
  std::vector<prom::Sample> all;
  for (std::int64_t i = from; i <= to; ++i) {
    all.push_back({kPiece.first_ms + i * kPiece.step_ms, 1});
  }
  return all;
}

TEST(StopsInTest, AreTheLastPointsBeforeAGapAndAtTheEnd) {
  PiecePoints points;
  points.samples[0] = samples(0, 99);
  points.samples[1] = samples(0, 40);
  const std::vector<prom::Sample> later = samples(42, 99);
  points.samples[1].insert(points.samples[1].end(), later.begin(), later.end());
  EXPECT_THAT(stops_in(points, kPiece, 7500ms), ElementsAre(kPiece.part(38, 3), kPiece.part(97, 3)));
  EXPECT_THAT(stops_in(points, kPiece, 5000ms), ElementsAre(kPiece.part(39, 2), kPiece.part(98, 2)));
}

TEST(StopsInTest, BeginWhereThePieceDoes) {
  PiecePoints points;
  points.samples[0] = samples(0, 1);
  EXPECT_THAT(stops_in(points, kPiece, 30s), ElementsAre(kPiece.part(0, 2)));
}

TEST(StopsInTest, WhereThereAreManyAllIsAskedAgain) {
  PiecePoints points;
  for (std::size_t series = 0; series < 9; ++series) {
    points.samples[series] = samples(0, 10 * static_cast<std::int64_t>(series) + 5);
  }
  EXPECT_THAT(stops_in(points, kPiece, 5000ms), ElementsAre(kPiece));
  points.samples.erase(0);
  EXPECT_EQ(stops_in(points, kPiece, 5000ms).size(), 8U);
  points.samples.clear();
  EXPECT_TRUE(stops_in(points, kPiece, 5000ms).empty());
}

TEST(KeepOnlyTest, DropsWhatIsNotThere) {
  PiecePoints points, exact;
  points.samples[0] = samples(0, 99);
  points.samples[1] = samples(0, 99);
  exact.samples[0] = samples(96, 97);
  keep_only(points, kPiece.part(95, 5), exact);
  EXPECT_EQ(points.samples[0].size(), 97U);
  EXPECT_EQ(points.samples[0][95].ts_ms, kPiece.first_ms + 96 * kPiece.step_ms);
  EXPECT_EQ(points.samples[1].size(), 95U);
}

}  // namespace
}  // namespace kexp::extractor
