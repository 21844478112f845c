#include "kexp/record/message.hpp"

#include <gtest/gtest.h>

namespace kexp::test {
namespace {

TEST(MessageTest, TheKeyIsTheId) { EXPECT_EQ(record::image_id("4711", 3, 99), "4711"); }

TEST(MessageTest, PartitionAndOffsetAreTheIdOfAMessageWithoutAKey) {
  EXPECT_EQ(record::image_id("", 3, 99), "3-99");
}

TEST(MessageTest, NamesArePrintableAsciiThatAnAnswerHasRoomFor) {
  EXPECT_TRUE(record::is_name("4711"));
  EXPECT_TRUE(record::is_name("camera 1/~frame.jpg"));
  EXPECT_TRUE(record::is_name(std::string(record::kMaxNameBytes, 'k')));
  EXPECT_FALSE(record::is_name(std::string(record::kMaxNameBytes + 1, 'k')));
  EXPECT_FALSE(record::is_name(""));
  EXPECT_FALSE(record::is_name(std::string_view("\0\0\0\7", 4))) << "a number in binary";
  EXPECT_FALSE(record::is_name("a\nb"));
  EXPECT_FALSE(
      record::is_name("stra\xc3\x9f"
                      "e"));
  EXPECT_FALSE(record::is_name("\x7f"));
}

}  // namespace
}  // namespace kexp::test
