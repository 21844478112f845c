#include "lane.hpp"

#include <gtest/gtest.h>

namespace kexp::feeder {
namespace {

TEST(LanesTest, EveryImageIsDealtToOneLaneOfOneShard) {
  constexpr std::uint64_t kImages = 1003;
  for (const std::uint32_t of : {1U, 2U, 3U}) {
    for (const std::uint32_t threads : {1U, 2U, 5U}) {
      std::vector<int> dealt(kImages);
      for (std::uint32_t index = 1; index <= of; ++index) {
        const Lanes lanes({index, of}, threads);
        std::int64_t planned = 0;
        for (std::uint32_t lane = 0; lane < lanes.count(); ++lane) {
          std::uint64_t position = 0;
          for (std::uint64_t id = lanes.first(lane); id < kImages; id += lanes.step()) {
            dealt[id] += 1;
            planned += 1;
            EXPECT_EQ(lanes.lane_of(id), lane);
            EXPECT_EQ(lanes.index_of(id), position++);
            EXPECT_EQ(id % of, index - 1);
            EXPECT_EQ(id / of % threads, lane);
          }
        }
        EXPECT_EQ(lanes.shard().share_of(kImages), planned);
      }
      EXPECT_EQ(dealt, std::vector<int>(kImages, 1)) << of << " shards, " << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace kexp::feeder
