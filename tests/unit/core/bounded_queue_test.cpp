#include "kexp/core/bounded_queue.hpp"

#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace kexp {
namespace {

using namespace std::chrono_literals;

TEST(BoundedQueueTest, GivesValuesInOrder) {
  BoundedQueue<int> queue(3);
  EXPECT_TRUE(queue.push(1, {}));
  EXPECT_TRUE(queue.try_push(2));

  EXPECT_EQ(queue.pop(0ns, {}), 1);
  EXPECT_EQ(queue.pop(0ns, {}), 2);
  EXPECT_EQ(queue.pop(0ns, {}), std::nullopt);
}

TEST(BoundedQueueTest, FullRefusesWithoutWaiting) {
  BoundedQueue<int> queue(1);

  EXPECT_TRUE(queue.try_push(1));
  EXPECT_FALSE(queue.try_push(2));
  EXPECT_EQ(queue.size(), 1U);
}

TEST(BoundedQueueTest, FullMakesTheGiverWaitForRoom) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.try_push(0));
  std::jthread giver([&] {
    for (int i = 1; i <= 100; ++i) {
      EXPECT_TRUE(queue.push(i, {}));
    }
  });

  for (int i = 0; i <= 100; ++i) {
    EXPECT_EQ(queue.pop(10s, {}), i);
  }
}

TEST(BoundedQueueTest, StopEndsBothWaits) {
  BoundedQueue<int> full(1);
  ASSERT_TRUE(full.try_push(1));
  BoundedQueue<int> empty(1);
  std::stop_source stop;
  std::jthread giver([&] { EXPECT_FALSE(full.push(2, stop.get_token())); });
  std::jthread taker([&] { EXPECT_EQ(empty.pop(1h, stop.get_token()), std::nullopt); });

  stop.request_stop();
}

TEST(BoundedQueueTest, ClosedTakesNothingAndGivesTheRest) {
  BoundedQueue<int> queue(2);
  ASSERT_TRUE(queue.try_push(1));
  queue.close();

  EXPECT_FALSE(queue.push(2, {}));
  EXPECT_FALSE(queue.try_push(2));
  EXPECT_EQ(queue.pop(1h, {}), 1);
  EXPECT_EQ(queue.pop(1h, {}), std::nullopt);
}

TEST(BoundedQueueTest, ClosingWakesTheTaker) {
  BoundedQueue<int> queue(1);
  std::jthread taker([&] { EXPECT_EQ(queue.pop(1h, {}), std::nullopt); });

  queue.close();
}

TEST(BoundedQueueTest, CarriesWhatCanOnlyBeMoved) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  ASSERT_TRUE(queue.push(std::make_unique<int>(7), {}));

  EXPECT_EQ(**queue.pop(0ns, {}), 7);
}

}  // namespace
}  // namespace kexp
