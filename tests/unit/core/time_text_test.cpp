#include "kexp/core/time_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"

namespace kexp {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr WallTime kTime{std::chrono::seconds(1795284184)};  // 2026-11-21T18:03:04Z

WallTime parse(std::string_view text) { return parse_time(text, "--start"); }
std::string refusal(std::string_view text) {
  return message_of<UsageError>([&] { return parse(text); });
}

TEST(FormatUtcTest, HasMilliseconds) {
  EXPECT_EQ(format_utc(kTime + 250ms), "2026-11-21T18:03:04.250Z");
  EXPECT_EQ(format_utc(kTime + 999'999'999ns), "2026-11-21T18:03:04.999Z");
  EXPECT_EQ(format_utc(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_utc(WallTime(std::chrono::seconds(1709251199))), "2024-02-29T23:59:59.000Z");
}

TEST(ParseTimeTest, ReadsRfc3339) {
  EXPECT_EQ(parse("2026-11-21T18:03:04Z"), kTime);
  EXPECT_EQ(parse("2026-11-21t18:03:04z"), kTime);
  EXPECT_EQ(parse("2026-11-21 18:03:04Z"), kTime);
  EXPECT_EQ(parse("2026-11-21T19:03:04+01:00"), kTime);
  EXPECT_EQ(parse("2026-11-21T12:33:04-05:30"), kTime);
  EXPECT_EQ(parse("2026-11-22T00:03:04+06:00"), kTime);
  EXPECT_EQ(parse("2024-02-29T23:59:59Z"), WallTime(std::chrono::seconds(1709251199)));
}

TEST(ParseTimeTest, ReadsFractionsToNanoseconds) {
  EXPECT_EQ(parse("2026-11-21T18:03:04.25Z"), kTime + 250ms);
  EXPECT_EQ(parse("2026-11-21T18:03:04.123456789+00:00"), kTime + 123456789ns);
  EXPECT_EQ(parse("2026-11-21T18:03:04.1234567899Z"), kTime + 123456789ns);
}

TEST(ParseTimeTest, ReadsUnixSeconds) {
  EXPECT_EQ(parse("1795284184"), kTime);
  EXPECT_EQ(parse("1795284184.5"), kTime + 500ms);
  EXPECT_EQ(parse("1795284184.000000001"), kTime + 1ns);
}

TEST(ParseTimeTest, ReadsWhatItWrites) { EXPECT_EQ(parse(format_utc(kTime + 7ms)), kTime + 7ms); }

TEST(ParseTimeTest, TimeWithoutAZoneIsRefusedWithTheCure) {
  for (const char* text :
       {"2026-11-21T18:03:04", "2026-11-21T18:03:04.5", "2026-11-21 18:03", "2026-11-21"}) {
    EXPECT_THAT(refusal(text),
                AllOf(HasSubstr("--start"), HasSubstr("time zone"), HasSubstr("Z"), HasSubstr(text)));
  }
}

TEST(ParseTimeTest, MillisecondsAreRefusedBecauseSecondsAreExpected) {
  EXPECT_THAT(refusal("1795284184250"),
              AllOf(HasSubstr("--start"), HasSubstr("seconds"), HasSubstr("milliseconds")));
}

TEST(ParseTimeTest, SecondsOfAnotherLengthAreRefused) {
  for (const char* text :
       {"0", "179528418", "17952841840", "1795284184.", "1795284184.5.5", ".5", "9999999999"}) {
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("--start"), HasSubstr("seconds"))) << text;
  }
}

TEST(ParseTimeTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "now", "-1795284184", "2026-13-21T18:03:04Z", "2025-02-29T18:03:04Z", "2026-11-21T24:00:00Z",
        "2026-11-21T18:60:04Z", "2026-11-21T18:03:60Z", "2026-11-21T18:03:04ZZ", "2026-11-21T18:03:04+1",
        "2026-11-21T18:03:04+0100", "2026-11-21T18:03:04+24:00", "2026-11-21T18:03:04.Z",
        "26-11-21T18:03:04Z", "2026/11/21T18:03:04Z", "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z",
        "2026-11-21T18:03Z"}) {
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("--start"), HasSubstr("2026-11-21T18:03:04Z"))) << text;
  }
}

}  // namespace
}  // namespace kexp
