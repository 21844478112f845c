#include "event_ring.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace kexp::feeder {
namespace {

std::vector<std::uint64_t> drained_ids(EventRing& ring) {
  std::vector<SendEvent> events;
  ring.drain(events);
  std::vector<std::uint64_t> ids;
  for (const SendEvent& event : events) {
    ids.push_back(event.id);
  }
  return ids;
}

TEST(EventRingTest, GivesEventsInTheirOrderAcrossItsEnd) {
  EventRing ring(4);
  EXPECT_EQ(drained_ids(ring), std::vector<std::uint64_t>());
  for (std::uint64_t id = 0; id < 9; id += 3) {
    for (std::uint64_t i = 0; i < 3; ++i) {
      ring.push({id + i, 5, SendEvent::What::sent});
    }
    EXPECT_EQ(drained_ids(ring), (std::vector<std::uint64_t>{id, id + 1, id + 2}));
  }
}

TEST(EventRingTest, LosesNothingWhenItIsFull) {
  EventRing ring(4);
  for (std::uint64_t id = 0; id < 10; ++id) {
    ring.push({id, 0, SendEvent::What::sent});
  }
  EXPECT_EQ(drained_ids(ring), (std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  ring.push({10, 0, SendEvent::What::sent});
  EXPECT_EQ(drained_ids(ring), std::vector<std::uint64_t>{10});
}

TEST(EventRingTest, LosesNothingBetweenThreads) {
  constexpr std::uint64_t kEvents = 200'000;
  EventRing ring(64);  // Small: it is full again and again.
  std::vector<SendEvent> events;
  {
    std::jthread pusher([&ring] {
      for (std::uint64_t id = 0; id < kEvents; ++id) {
        ring.push({id, static_cast<std::int64_t>(2 * id), SendEvent::What::sent});
      }
    });
    while (events.size() < kEvents) {
      ring.drain(events);
    }
  }
  std::vector<bool> seen(kEvents);
  for (const SendEvent& event : events) {
    EXPECT_EQ(event.time_ns, static_cast<std::int64_t>(2 * event.id));
    EXPECT_FALSE(seen[event.id]);
    seen[event.id] = true;
  }
  EXPECT_EQ(events.size(), kEvents);
}

}  // namespace
}  // namespace kexp::feeder
