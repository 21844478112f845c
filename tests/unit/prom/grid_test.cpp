#include "kexp/prom/grid.hpp"

#include <gtest/gtest.h>

namespace kexp::prom {
namespace {

using namespace std::chrono_literals;

Window window(std::int64_t start_ms, std::int64_t end_ms) {
  return {WallTime(std::chrono::milliseconds(start_ms)), WallTime(std::chrono::milliseconds(end_ms))};
}

TEST(GridTest, ConsistsOfMultiplesOfTheStepWhateverTheWindow) {
  EXPECT_EQ(grid_inside(window(10'000, 20'000), 5s), (Grid{10'000, 5000, 3}));
  EXPECT_EQ(grid_inside(window(10'001, 19'999), 5s), (Grid{15'000, 5000, 1}));
  EXPECT_EQ(grid_inside(window(10'001, 14'999), 5s).count, 0);
  EXPECT_EQ(grid_inside(window(15'000, 15'000), 5s), (Grid{15'000, 5000, 1}));
}

TEST(GridTest, HoldsNoPointOutsideANanosecondWindow) {
  EXPECT_EQ(grid_inside({WallTime(10'000'000'001ns), WallTime(19'999'999'999ns)}, 5s),
            (Grid{15'000, 5000, 1}));
}

TEST(GridTest, KeepsToMillisecondSteps) {
  EXPECT_EQ(grid_inside(window(1000, 2000), 300ms), (Grid{1200, 300, 3}));
  EXPECT_EQ(grid_inside(window(1000, 2000), 300ms).last_ms(), 1800);
}

TEST(GridTest, PiecesShareNoPointAndLoseNone) {
  const Grid grid{5000, 5000, 17};
  for (const std::int64_t most : {1, 4, 16, 17, 100}) {
    std::int64_t next = grid.first_ms;
    for (const Grid& piece : split(grid, most)) {
      EXPECT_EQ(piece.first_ms, next);
      EXPECT_LE(piece.count, most);
      next = piece.last_ms() + grid.step_ms;
    }
    EXPECT_EQ(next, grid.last_ms() + grid.step_ms);
  }
  EXPECT_TRUE(split({0, 1, 0}, 10).empty());
}

}  // namespace
}  // namespace kexp::prom
