#include "kexp/consumer/identity.hpp"

#include <map>

#include <gmock/gmock.h>

namespace kexp::consumer {
namespace {

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

TEST(IdentityTest, IsWhatTheDownwardApiSays) {
  const Identity identity =
      identify("localhost:9092",
               environment({{"POD_NAME", "yolo-7f-xk"}, {"NODE_NAME", "worker1"}, {"POD_IP", "10.244.1.7"}}));
  EXPECT_EQ(identity.pod, "yolo-7f-xk");
  EXPECT_EQ(identity.node, "worker1");
  EXPECT_EQ(identity.source, "10.244.1.7");
}

TEST(IdentityTest, IsThisProcessAndItsAddressTowardsTheBrokerElsewhere) {
  const Identity identity = identify("127.0.0.1:9092,broker-2:9092", environment({}));
  EXPECT_EQ(identity.source, "127.0.0.1");
  EXPECT_NE(identity.node, "");
  EXPECT_THAT(identity.pod, testing::StartsWith(identity.node + "-"));  // Two on one host differ.
}

TEST(IdentityTest, FallsBackToTheHostWhenTheBrokerHasNoAddress) {
  const Identity identity = identify("no-port", environment({}));
  EXPECT_EQ(identity.source, identity.node);
}

}  // namespace
}  // namespace kexp::consumer
