#include "kexp/stats/false_discovery.hpp"

#include <gmock/gmock.h>

namespace kexp::stats {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FalseDiscoveryTest, GivesTheTextbookValues) {
  // p * tests / rank, and never more than that of a larger p.
  EXPECT_THAT(false_discovery_rates(std::vector{0.01, 0.04, 0.03, 0.5}),
              ElementsAre(DoubleNear(0.04, 1e-12), DoubleNear(0.16 / 3, 1e-12), DoubleNear(0.16 / 3, 1e-12),
                          DoubleNear(0.5, 1e-12)));
}

TEST(FalseDiscoveryTest, OneTestAloneIsAsItIs) {
  EXPECT_THAT(false_discovery_rates(std::vector{0.02}), ElementsAre(0.02));
  EXPECT_THAT(false_discovery_rates({}), IsEmpty());
}

}  // namespace
}  // namespace kexp::stats
