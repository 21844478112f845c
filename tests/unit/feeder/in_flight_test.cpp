#include "in_flight.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace kexp::feeder {
namespace {

TEST(InFlightTest, JoinsASendWithItsAnswer) {
  InFlight images;
  images.sent(0, 10);
  images.sent(1, 20);
  images.sent(2, 30);

  EXPECT_EQ(images.answered(1), 20);
  EXPECT_EQ(images.answered(1), std::nullopt);
  EXPECT_EQ(images.size(), 2U);
  EXPECT_EQ(images.oldest_sent(), 10);
  EXPECT_EQ(images.answered(0), 10);
  EXPECT_EQ(images.oldest_sent(), 30);
  EXPECT_EQ(images.answered(2), 30);
  EXPECT_EQ(images.size(), 0U);
  EXPECT_EQ(images.oldest_sent(), std::nullopt);
}

TEST(InFlightTest, AnAnswerBeforeItsSendIsKnownAsSuch) {
  InFlight images;
  EXPECT_EQ(images.answered(0), std::nullopt);
  EXPECT_EQ(images.answered(7), std::nullopt);
  images.sent(0, 10);
  EXPECT_EQ(images.answered(0), 10);
}

TEST(InFlightTest, SendsMayComeOutOfOrderAndSomeNotAtAll) {
  InFlight images;
  images.sent(2, 30);
  EXPECT_EQ(images.oldest_sent(), 30);
  EXPECT_EQ(images.answered(2), 30);
  images.skipped(0);
  images.sent(1, 20);
  EXPECT_EQ(images.answered(1), 20);
  images.sent(3, 40);
  images.sent(5, 60);

  std::vector<std::pair<std::uint64_t, std::int64_t>> left;
  images.for_each([&](std::uint64_t index, std::int64_t sent) { left.emplace_back(index, sent); });
  EXPECT_EQ(left, (std::vector<std::pair<std::uint64_t, std::int64_t>>{{3, 40}, {5, 60}}));
}

}  // namespace
}  // namespace kexp::feeder
