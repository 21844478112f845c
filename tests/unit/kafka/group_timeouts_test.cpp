#include "group_timeouts.hpp"

#include <gtest/gtest.h>

namespace kexp::kafka {
namespace {

using namespace std::chrono_literals;

GroupTimeouts with_properties(Properties properties) {
  ConsumerOptions options;
  options.client.properties = std::move(properties);
  return group_timeouts(options);
}

TEST(GroupTimeoutsTest, AreTheClientsOwnByDefault) {
  const GroupTimeouts timeouts = with_properties({});
  EXPECT_EQ(timeouts.session, 45s);
  EXPECT_EQ(timeouts.heartbeat, 3s);
  EXPECT_EQ(timeouts.max_poll, 300s);
}

TEST(GroupTimeoutsTest, HeartbeatsAreAThirdOfAShortSession) {
  ConsumerOptions options;
  options.session_timeout = 1500ms;
  EXPECT_EQ(group_timeouts(options).session, 1500ms);
  EXPECT_EQ(group_timeouts(options).heartbeat, 500ms);
}

// With -X session.timeout.ms=3000 alone, heartbeats of 3 s lost the session again and again.
TEST(GroupTimeoutsTest, HeartbeatsFollowASessionGivenAsAProperty) {
  const GroupTimeouts timeouts = with_properties({{"linger.ms", "5"}, {"session.timeout.ms", "3000"}});
  EXPECT_EQ(timeouts.session, 3s);
  EXPECT_EQ(timeouts.heartbeat, 1s);
}

TEST(GroupTimeoutsTest, ALongSessionSlowsNoHeartbeatAndIsNoLongerThanThePauseBetweenPolls) {
  const GroupTimeouts timeouts = with_properties({{"session.timeout.ms", "600000"}});
  EXPECT_EQ(timeouts.heartbeat, 3s);
  EXPECT_EQ(timeouts.max_poll, 600s);
}

TEST(GroupTimeoutsTest, WhatIsNoTimeIsLeftForTheClientToRefuse) {
  EXPECT_EQ(with_properties({{"session.timeout.ms", "soon"}}).session, 45s);
  EXPECT_EQ(with_properties({{"session.timeout.ms", "-1"}}).session, 45s);
  EXPECT_EQ(with_properties({{"session.timeout.ms", "99999999999999"}}).session, 3600s);
}

}  // namespace
}  // namespace kexp::kafka
