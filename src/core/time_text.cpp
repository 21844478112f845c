#include "kexp/core/time_text.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp {

namespace {

constexpr std::string_view kExample = "2026-11-21T18:03:04Z";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes pieces off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  bool take(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  /// Exactly `digits` digits.
  std::optional<int> number(std::size_t digits) {
    if (rest_.size() < digits ||
        !std::all_of(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(digits), is_digit)) {
      return std::nullopt;
    }
    int value = 0;
    for (const char c : rest_.substr(0, digits)) {
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  /// The digits after a point as nanoseconds; what is finer is cut off.
  std::optional<Nanoseconds> fraction() {
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
      if (digits < 9) {
        value = value * 10 + (rest_[digits] - '0');
      }
    }
    if (digits == 0) {
      return std::nullopt;
    }
    for (std::size_t i = digits; i < 9; ++i) {
      value *= 10;
    }
    rest_.remove_prefix(digits);
    return Nanoseconds(value);
  }

 private:
  std::string_view rest_;
};

UsageError not_a_time(std::string_view text, std::string_view flag) {
  return UsageError(fmt::format(
      "{} must be a time with its zone, for instance {}, or Unix seconds, got \"{}\"", flag, kExample, text));
}

// Only digits, or digits with a point: Unix seconds.
bool looks_like_seconds(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
}

WallTime parse_seconds(std::string_view text, std::string_view flag) {
  const std::size_t whole_digits = std::min(text.find('.'), text.size());
  if (whole_digits != 10) {
    throw UsageError(fmt::format("{} takes Unix seconds (10 digits before the point{}) or {}, got \"{}\"",
                                 flag, whole_digits == 13 ? "; these are milliseconds" : "", kExample, text));
  }
  std::int64_t whole = 0;
  for (const char c : text.substr(0, whole_digits)) {
    whole = whole * 10 + (c - '0');
  }
  Nanoseconds fraction{0};
  Reader reader(text.substr(whole_digits));
  if (reader.take(".")) {
    const std::optional<Nanoseconds> digits = reader.fraction();
    if (!digits) {
      throw not_a_time(text, flag);
    }
    fraction = *digits;
  }
  // 9223372036 s: a later second does not fit in 64 bits of nanoseconds (year 2262).
  if (!reader.done() || whole >= std::numeric_limits<std::int64_t>::max() / 1'000'000'000) {
    throw not_a_time(text, flag);
  }
  return WallTime(std::chrono::seconds(whole) + fraction);
}

}  // namespace

std::string format_utc(WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(ms);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(ms - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", int{date.year()}, unsigned{date.month()},
                     unsigned{date.day()}, clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count(), clock.subseconds().count());
}

WallTime parse_time(std::string_view text, std::string_view flag) {
  using namespace std::chrono;
  if (looks_like_seconds(text)) {
    return parse_seconds(text, flag);
  }
  const auto need = [&](auto piece) {
    if (!piece) {
      throw not_a_time(text, flag);
    }
    return piece;
  };
  const auto no_zone = [&] {
    return UsageError(
        fmt::format("{} needs a time zone, or it means another instant on every machine: write {} or "
                    "2026-11-21T19:03:04+01:00, got \"{}\"",
                    flag, kExample, text));
  };

  Reader reader(text);
  const int y = *need(reader.number(4));
  need(reader.take("-"));
  const int mo = *need(reader.number(2));
  need(reader.take("-"));
  const int d = *need(reader.number(2));
  if (reader.done()) {
    throw no_zone();
  }
  need(reader.take("Tt "));
  const int h = *need(reader.number(2));
  need(reader.take(":"));
  const int mi = *need(reader.number(2));
  if (reader.done()) {
    throw no_zone();
  }
  need(reader.take(":"));
  const int s = *need(reader.number(2));
  Nanoseconds fraction{0};
  if (reader.take(".")) {
    fraction = *need(reader.fraction());
  }
  if (reader.done()) {
    throw no_zone();
  }
  minutes offset{0};
  if (!reader.take("Zz")) {
    const bool east = reader.rest().front() == '+';
    need(reader.take("+-"));
    const int oh = *need(reader.number(2));
    need(reader.take(":"));
    const int om = *need(reader.number(2));
    need(oh <= 23 && om <= 59);
    offset = (hours(oh) + minutes(om)) * (east ? 1 : -1);
  }
  need(reader.done());
  const year_month_day date{year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d))};
  need(date.ok() && h <= 23 && mi <= 59 && s <= 59);
  need(y >= 1970 && y <= 2261);  // What 64 bits of nanoseconds hold, and nothing before the epoch.
  return WallTime(sys_days(date).time_since_epoch() + hours(h) + minutes(mi) + std::chrono::seconds(s) -
                  offset + fraction);
}

}  // namespace kexp
