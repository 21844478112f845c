#include "nets_by_size.hpp"

#include <stdexcept>

#include <gmock/gmock.h>

namespace kexp::test {
namespace {

class NetsBySizeTest : public ::testing::Test {
 protected:
  int get(int side) {
    return nets_.get({side, side}, [&] {
      ++loads_;
      return side;
    });
  }
  inference::NetsBySize<int> nets_;
  int loads_ = 0;
};

TEST_F(NetsBySizeTest, KeepsTheThreeUsedLast) {
  for (const int side : {1, 2, 3, 1}) {
    EXPECT_EQ(get(side), side);
  }
  EXPECT_EQ(loads_, 3);

  get(4);  // 2 goes
  get(1);
  get(3);
  EXPECT_EQ(loads_, 4);
  get(2);
  EXPECT_EQ(loads_, 5);
}

TEST_F(NetsBySizeTest, SaysWhenAnotherOneWouldHaveToGo) {
  get(1);
  get(2);
  EXPECT_FALSE(nets_.is_full_without({3, 3}));
  get(3);
  EXPECT_FALSE(nets_.is_full_without({3, 3}));
  EXPECT_TRUE(nets_.is_full_without({4, 4}));
}

TEST_F(NetsBySizeTest, KeepsAllWhenOneCannotBeLoaded) {
  EXPECT_EQ(nets_.last(), nullptr);
  for (const int side : {1, 2, 3}) {
    get(side);
  }
  const auto broken = []() -> int { throw std::runtime_error("no"); };
  EXPECT_THROW(static_cast<void>(nets_.get({9, 9}, broken)), std::runtime_error);
  EXPECT_EQ(*nets_.last(), 3);
  get(1);
  EXPECT_EQ(loads_, 3);
}

}  // namespace
}  // namespace kexp::test
