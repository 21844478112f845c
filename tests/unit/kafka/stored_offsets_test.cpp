#include "stored_offsets.hpp"

#include <gmock/gmock.h>

namespace kexp::kafka {
namespace {

TEST(StoredOffsetsTest, CommitsByNameUntilOneCommitSucceeded) {
  StoredOffsets offsets;
  EXPECT_TRUE(offsets.store(0, 1));
  EXPECT_TRUE(offsets.store(0, 2));
  offsets.committed(0, 1);
  EXPECT_FALSE(offsets.store(0, 3));
  EXPECT_TRUE(offsets.store(1, 3));
}

TEST(StoredOffsetsTest, CommitsByNameWhatGoesBack) {
  StoredOffsets offsets;
  EXPECT_TRUE(offsets.store(0, 50));
  offsets.committed(0, 50);
  EXPECT_TRUE(offsets.store(0, 1));
  offsets.committed(0, 50);  // Under way before it went back.
  EXPECT_TRUE(offsets.store(0, 2));
  offsets.committed(0, 2);
  EXPECT_FALSE(offsets.store(0, 3));
}

TEST(StoredOffsetsTest, KnowsNothingOfPartitionsThatWentAndCame) {
  StoredOffsets offsets;
  EXPECT_TRUE(offsets.store(0, 50));
  EXPECT_TRUE(offsets.store(1, 7));
  offsets.committed(0, 50);
  offsets.forget({0});
  offsets.committed(0, 50);
  ASSERT_EQ(offsets.all().size(), 1U);
  EXPECT_EQ(offsets.all()[0].partition, 1);
  EXPECT_EQ(offsets.all()[0].offset, 7);
  EXPECT_TRUE(offsets.store(0, 51));
}

}  // namespace
}  // namespace kexp::kafka
