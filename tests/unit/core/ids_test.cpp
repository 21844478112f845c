#include "kexp/core/ids.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_clock.hpp"

namespace kexp {
namespace {

using namespace std::chrono_literals;

TEST(RunIdTest, IsTheTimeAndAShortSuffix) {
  const std::string id = make_run_id(test::FakeClock::kStart + 184s + 999ms);

  ASSERT_EQ(id.size(), 21U);
  EXPECT_EQ(id.substr(0, 17), "20261121T180304Z-");
  EXPECT_TRUE(is_plain_name(id));
}

TEST(RunIdTest, TwoInOneSecondDiffer) {
  std::set<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    ids.insert(make_run_id(test::FakeClock::kStart));
  }
  EXPECT_GT(ids.size(), 15U);  // 36^4 suffixes: two equal ones among 20 are 1 in 8,800
}

TEST(PlainNameTest, TakesWhatKafkaAndFoldersTake) {
  for (const char* name : {"yolo_input", "a", "A.b-9_", ".hidden"}) {
    EXPECT_TRUE(is_plain_name(name)) << name;
  }
  EXPECT_TRUE(is_plain_name(std::string(200, 'x')));
}

TEST(PlainNameTest, RefusesEverythingElse) {
  for (const char* name : {"", ".", "..", "a b", "a/b", "a\n", "ä", "a:b"}) {
    EXPECT_FALSE(is_plain_name(name)) << name;
  }
  EXPECT_FALSE(is_plain_name(std::string(201, 'x')));
}

}  // namespace
}  // namespace kexp
