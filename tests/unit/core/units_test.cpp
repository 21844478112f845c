#include "kexp/core/units.hpp"

#include <gtest/gtest.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"

namespace kexp {
namespace {

using namespace std::chrono_literals;
using test::message_of;

TEST(ByteRateTest, MegabyteIsAMillionBytes) {
  EXPECT_EQ(ByteRate::megabytes_per_second(1.5), ByteRate::bytes_per_second(1'500'000));
  EXPECT_DOUBLE_EQ(ByteRate::bytes_per_second(250'000).megabytes_per_second(), 0.25);
  EXPECT_LT(ByteRate(), ByteRate::bytes_per_second(1));
}

TEST(FormatBytesTest, HasThreeDigitsAndDecimalUnits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(820), "820 B");
  EXPECT_EQ(format_bytes(1000), "1.00 kB");
  EXPECT_EQ(format_bytes(15'300'000), "15.3 MB");
  EXPECT_EQ(format_bytes(234e9), "234 GB");
  EXPECT_EQ(format_bytes(-1.5e6), "-1.50 MB");
}

TEST(FormatBytesTest, RoundingMovesToTheNextUnit) {
  EXPECT_EQ(format_bytes(999.4), "999 B");
  EXPECT_EQ(format_bytes(999.6), "1.00 kB");
  EXPECT_EQ(format_bytes(9996), "10.0 kB");
  EXPECT_EQ(format_bytes(999'600), "1.00 MB");
}

TEST(FormatDurationTest, UsesTheUnitThatFits) {
  EXPECT_EQ(format_duration(0ns), "0 s");
  EXPECT_EQ(format_duration(80ns), "80 ns");
  EXPECT_EQ(format_duration(12us), "12 us");
  EXPECT_EQ(format_duration(4100us), "4.1 ms");
  EXPECT_EQ(format_duration(410ms), "410 ms");
  EXPECT_EQ(format_duration(59800ms), "59.8 s");
  EXPECT_EQ(format_duration(245s), "4 min 05 s");
  EXPECT_EQ(format_duration(2h + 4min), "2 h 04 min");
  EXPECT_EQ(format_duration(100h), "100 h 00 min");
  EXPECT_EQ(format_duration(-59800ms), "-59.8 s");
}

TEST(FormatDurationTest, NeverRoundsToSixtyOrAThousand) {
  EXPECT_EQ(format_duration(59'960ms), "1 min 00 s");
  EXPECT_EQ(format_duration(3599s + 600ms), "1 h 00 min");
  EXPECT_EQ(format_duration(1h + 59min + 40s), "2 h 00 min");
  EXPECT_EQ(format_duration(999'700us), "1.0 s");
  EXPECT_EQ(format_duration(9'980us), "10 ms");
  EXPECT_EQ(format_duration(999'700ns), "1.0 ms");
}

TEST(ParseSizeTest, ReadsASideOrWidthAndHeight) {
  EXPECT_EQ(parse_size("640", "--input"), (Size2{640, 640}));
  EXPECT_EQ(parse_size("640x480", "--input"), (Size2{640, 480}));
  EXPECT_EQ(parse_size("1x16384", "--input"), (Size2{1, 16384}));
}

TEST(ParseSizeTest, NothingElseIsASize) {
  for (const char* text : {"", "6x", "x6", "x", "0", "0x5", "-3", "640X480", "640x480x3", "16385", "6.5",
                           " 640", "640 ", "+640", "99999999999999999999", "1e3"}) {
    const std::string message = message_of<UsageError>([&] { return parse_size(text, "--input"); });
    EXPECT_EQ(message, std::string("--input must be N or WxH, for instance 640x480, got \"") + text + "\"");
  }
}

}  // namespace
}  // namespace kexp
