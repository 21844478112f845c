#include "kexp/record/message.hpp"

#include <gtest/gtest.h>

namespace kexp::test {
namespace {

TEST(MessageTest, TheKeyIsTheId) { EXPECT_EQ(record::image_id("4711", 3, 99), "4711"); }

TEST(MessageTest, PartitionAndOffsetAreTheIdOfAMessageWithoutAKey) {
  EXPECT_EQ(record::image_id("", 3, 99), "3-99");
}

}  // namespace
}  // namespace kexp::test
