#include "kexp/extractor/window_time.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/time_text.hpp"

#include "support/errors.hpp"
#include "support/scoped_env.hpp"

namespace kexp::extractor {
namespace {

using namespace std::chrono_literals;
using namespace ::testing;
using test::message_of;
using test::ScopedZone;

constexpr const char* kHelsinki = "EET-2EEST,M3.5.0/3,M10.5.0/4";
const WallTime kNow = parse_time("2026-11-21T18:00:00Z", "test");

std::string utc(const std::string& text) { return format_utc(parse_window_time(text, "--start", kNow)); }
std::string refused(const std::string& text) {
  return message_of<UsageError>([&] { return parse_window_time(text, "--start", kNow); });
}

TEST(WindowTimeTest, ReadsEveryForm) {
  const ScopedZone zone(kHelsinki);
  EXPECT_EQ(utc("2024-01-31T12:00:00Z"), "2024-01-31T12:00:00.000Z");
  EXPECT_EQ(utc("2024-01-31T12:00:00+01:00"), "2024-01-31T11:00:00.000Z");
  EXPECT_EQ(utc("2024-01-31 12:00:00"), "2024-01-31T10:00:00.000Z");
  EXPECT_EQ(utc("2024-07-31T12:00:00.5"), "2024-07-31T09:00:00.500Z");
  EXPECT_EQ(utc("2024-01-31 12:00"), "2024-01-31T10:00:00.000Z");
  EXPECT_EQ(utc("1706598615"), "2024-01-30T07:10:15.000Z");
  EXPECT_EQ(utc("1706598615.25"), "2024-01-30T07:10:15.250Z");
  EXPECT_EQ(utc("1706598615137"), "2024-01-30T07:10:15.137Z");
  EXPECT_EQ(utc("now"), "2026-11-21T18:00:00.000Z");
  EXPECT_EQ(utc("now-2h"), "2026-11-21T16:00:00.000Z");
  EXPECT_EQ(utc("now-90m"), "2026-11-21T16:30:00.000Z");
  EXPECT_EQ(utc("now-3d"), "2026-11-18T18:00:00.000Z");
  EXPECT_EQ(utc("now-1s"), "2026-11-21T17:59:59.000Z");
}

TEST(WindowTimeTest, RefusesALocalTimeThatIsNoOrTwo) {
  const ScopedZone zone(kHelsinki);
  EXPECT_THAT(refused("2024-03-31 03:30:00"), AllOf(HasSubstr("--start"), HasSubstr("does not exist")));
  EXPECT_THAT(refused("2024-10-27 03:30:00"), AllOf(HasSubstr("--start"), HasSubstr("twice")));
  EXPECT_EQ(utc("2024-10-27 04:00:00"), "2024-10-27T02:00:00.000Z");
}

TEST(WindowTimeTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "yesterday", "nowish", "now+1h", "now-", "now-h", "now-2w", "now--2h", "now-2h30m",
        "now-99999999999d", "now-9999999d", "2024-13-01 00:00:00", "2024-02-30 00:00:00", "2024-01-31",
        "2024-01-31 12", "2024-01-31 12:00:0", "17065986", "17065986151"}) {
    EXPECT_THAT(refused(text), HasSubstr("--start")) << text;
  }
}

TEST(WindowTimeTest, ShowsLocalTimeWithItsOffset) {
  const WallTime time = parse_time("2024-01-30T23:30:00.250Z", "test");
  {
    const ScopedZone zone(kHelsinki);
    EXPECT_EQ(format_local(time), "2024-01-31 01:30:00.250 +02:00");
    EXPECT_EQ(local_offset(time), 2h);
  }
  const ScopedZone zone("NST3:30");
  EXPECT_EQ(format_local(time), "2024-01-30 20:00:00.250 -03:30");
}

}  // namespace
}  // namespace kexp::extractor
