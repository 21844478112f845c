#include "kexp/extractor/window_time.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/time_text.hpp"

namespace kexp::extractor {

namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr std::string_view kNow = "now";
constexpr Nanoseconds kLongestPast = std::chrono::years(20);
constexpr std::size_t kMillisecondDigits = 13;
constexpr std::size_t kDateLength = 10;  // 2026-11-21
constexpr std::size_t kToMinutes = 16;   // 2026-11-21 18:03
constexpr std::size_t kToSeconds = 19;   // 2026-11-21 18:03:04

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

std::optional<Nanoseconds> unit_of(std::string_view text) {
  if (text == "s") {
    return 1s;
  }
  if (text == "m") {
    return 1min;
  }
  if (text == "h") {
    return 1h;
  }
  return text == "d" ? std::optional<Nanoseconds>(24h) : std::nullopt;
}

/// What follows `now`: nothing, or `-2h`.
WallTime parse_from_now(std::string_view text, std::string_view flag, WallTime now) {
  const auto wrong = [&] {
    return UsageError(fmt::format("{} must be now, or now-2h (s, m, h, d), got \"{}{}\"", flag, kNow, text));
  };
  if (text.empty()) {
    return now;
  }
  std::int32_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + 1, end, count);
  const std::optional<Nanoseconds> unit =
      unit_of(std::string_view(rest, static_cast<std::size_t>(end - rest)));
  if (text.front() != '-' || text.size() < 3 || !is_digit(text[1]) || error != std::errc() || !unit ||
      count > kLongestPast / *unit) {
    throw wrong();
  }
  return now - count * *unit;
}

/// 2026-11-21 18:03[:04[.25]], with a blank or a T between: the form of a time without a zone.
bool looks_local(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd dd:dd";
  if (text.size() < kToMinutes) {
    return false;
  }
  for (std::size_t i = 0; i < kToMinutes; ++i) {
    const bool fits = kForm[i] == 'd' ? is_digit(text[i]) : text[i] == kForm[i];
    if (!fits && !(i == kDateLength && text[i] == 'T')) {
      return false;
    }
  }
  const std::string_view rest = text.substr(kToMinutes);
  return rest.empty() || (rest.size() >= 3 && rest[0] == ':' && is_digit(rest[1]) && is_digit(rest[2]) &&
                          (rest.size() == 3 || (rest[3] == '.' && all_digits(rest.substr(4)))));
}

/// The time when the clocks here show what `clock` shows as UTC, if daylight saving is as `is_dst` says.
std::optional<WallTime> when_clocks_show(WallTime clock, int is_dst) {
  const std::time_t as_utc = std::chrono::floor<seconds>(clock.time_since_epoch()).count();
  std::tm fields{};
  gmtime_r(&as_utc, &fields);
  const std::tm wanted = fields;
  fields.tm_isdst = is_dst;
  const std::time_t time = std::mktime(&fields);
  if (fields.tm_min != wanted.tm_min || fields.tm_hour != wanted.tm_hour ||
      fields.tm_mday != wanted.tm_mday || fields.tm_isdst != is_dst) {
    return std::nullopt;
  }
  return WallTime(seconds(time)) + (clock - WallTime(seconds(as_utc)));
}

WallTime parse_local(std::string_view text, std::string_view flag) {
  std::string as_utc(text);
  as_utc += text.size() == kToMinutes ? ":00Z" : "Z";
  const WallTime clock = parse_time(as_utc, flag);
  const std::optional<WallTime> standard = when_clocks_show(clock, 0);
  const std::optional<WallTime> daylight = when_clocks_show(clock, 1);
  if (!standard && !daylight) {
    throw UsageError(
        fmt::format("{} {} does not exist here, the clocks jump over it: give the zone", flag, text));
  }
  if (standard && daylight && *standard != *daylight) {
    throw UsageError(fmt::format("{} {} is there twice, the clocks are set back: give the zone", flag, text));
  }
  return standard ? *standard : *daylight;
}

std::tm local_fields(WallTime time) {
  const std::time_t whole = std::chrono::floor<seconds>(time.time_since_epoch()).count();
  std::tm fields{};
  localtime_r(&whole, &fields);
  return fields;
}

}  // namespace

WallTime parse_window_time(std::string_view text, std::string_view flag, WallTime now) {
  if (text.starts_with(kNow)) {
    return parse_from_now(text.substr(kNow.size()), flag, now);
  }
  if (text.size() == kMillisecondDigits && all_digits(text)) {
    const std::string whole(text.substr(0, kMillisecondDigits - 3));
    return parse_time(fmt::format("{}.{}", whole, text.substr(whole.size())), flag);
  }
  if (text.empty() || !is_digit(text.front()) || (text.size() == kDateLength && text[4] == '-')) {
    throw UsageError(
        fmt::format("{} must be 2026-11-21T18:03:04Z, 2026-11-21 18:03:04 (local time), Unix seconds, now or "
                    "now-2h, got \"{}\"",
                    flag, text));
  }
  return looks_local(text) ? parse_local(text, flag) : parse_time(text, flag);
}

std::string format_local(WallTime time) {
  const std::tm fields = local_fields(time);
  const auto offset = local_offset(time);
  const auto minutes = std::abs(std::chrono::duration_cast<std::chrono::minutes>(offset).count());
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} {}{:02}:{:02}", fields.tm_year + 1900,
                     fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec,
                     (unix_ms(time) % 1000 + 1000) % 1000, offset < 0s ? '-' : '+', minutes / 60,
                     minutes % 60);
}

seconds local_offset(WallTime time) { return seconds(local_fields(time).tm_gmtoff); }

}  // namespace kexp::extractor
