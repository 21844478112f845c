#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace kexp {

/// Bytes per second. 1 MB is 10^6 bytes.
class ByteRate {
 public:
  constexpr ByteRate() = default;
  [[nodiscard]] static constexpr ByteRate bytes_per_second(double value) { return ByteRate(value); }
  [[nodiscard]] static constexpr ByteRate megabytes_per_second(double value) { return ByteRate(value * 1e6); }
  [[nodiscard]] constexpr double bytes_per_second() const { return value_; }
  [[nodiscard]] constexpr double megabytes_per_second() const { return value_ / 1e6; }
  constexpr auto operator<=>(const ByteRate&) const = default;

 private:
  constexpr explicit ByteRate(double value) : value_(value) {}
  double value_ = 0;
};

/// "15.3 MB", "820 B": decimal units, three digits.
[[nodiscard]] std::string format_bytes(double bytes);

/// "2 h 04 min", "59.8 s", "410 ms".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

/// In pixels.
struct Size2 {
  int width = 0;
  int height = 0;
  auto operator<=>(const Size2&) const = default;
};

/// Reads "WxH" or "N" (N x N). Nothing else is a size.
/// Errors: UsageError naming `flag`.
[[nodiscard]] Size2 parse_size(std::string_view text, std::string_view flag);

}  // namespace kexp
