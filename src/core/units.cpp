#include "kexp/core/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp {

namespace {

constexpr int kLargestSize = 16384;

std::optional<int> parse_side(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > kLargestSize) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string format_bytes(double bytes) {
  constexpr std::array<const char*, 7> kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (std::abs(bytes) < 999.5) {
    return fmt::format("{:.0f} B", bytes);
  }
  std::size_t unit = 0;
  // 999.5 would be printed as 1000.
  while (std::abs(bytes) >= 999.5 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  const double size = std::abs(bytes);
  const int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", bytes, decimals, kUnits[unit]);
}

std::string format_duration(std::chrono::nanoseconds duration) {
  using namespace std::chrono;
  if (duration < 0ns) {
    return fmt::format("-{}", format_duration(-duration));
  }
  if (duration == 0ns) {
    return "0 s";
  }
  if (duration >= 1h - 500ms) {  // Rounded to seconds that is an hour.
    const auto total = round<minutes>(duration);
    const auto whole = floor<hours>(total);
    return fmt::format("{} h {:02} min", whole.count(), (total - whole).count());
  }
  if (duration >= 60s - 50ms) {
    const auto total = round<std::chrono::seconds>(duration);
    const auto whole = floor<minutes>(total);
    return fmt::format("{} min {:02} s", whole.count(), (total - whole).count());
  }
  const auto count = static_cast<double>(duration.count());
  if (duration >= 1s - 500us) {
    return fmt::format("{:.1f} s", count / 1e9);
  }
  if (duration >= 10ms - 50us) {
    return fmt::format("{:.0f} ms", count / 1e6);
  }
  if (duration >= 1ms - 500ns) {
    return fmt::format("{:.1f} ms", count / 1e6);
  }
  if (duration >= 1us) {
    return fmt::format("{:.0f} us", count / 1e3);
  }
  return fmt::format("{} ns", duration.count());
}

Size2 parse_size(std::string_view text, std::string_view flag) {
  const std::size_t cross = text.find('x');
  const std::optional<int> width = parse_side(text.substr(0, cross));
  const std::optional<int> height =
      cross == std::string_view::npos ? width : parse_side(text.substr(cross + 1));
  if (!width || !height) {
    throw UsageError(fmt::format("{} must be N or WxH, for instance 640x480, got \"{}\"", flag, text));
  }
  return {*width, *height};
}

}  // namespace kexp
