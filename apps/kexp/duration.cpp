#include "duration.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::cli {

std::chrono::milliseconds parse_duration(const std::string& text, const std::string& flag) {
  constexpr std::array kUnits = {std::pair{std::string_view("ms"), 1.0},
                                 std::pair{std::string_view("s"), 1e3}, std::pair{std::string_view(""), 1e3},
                                 std::pair{std::string_view("m"), 60e3},
                                 std::pair{std::string_view("h"), 3600e3}};
  constexpr double kMostMs = 1e15;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, unit_ms] : kUnits) {
    const double value_ms = number * unit_ms;
    if (error == std::errc() && unit == name && value_ms >= 0 && value_ms <= kMostMs &&
        std::abs(value_ms - std::round(value_ms)) < 1e-6) {
      return std::chrono::milliseconds(std::llround(value_ms));
    }
  }
  throw UsageError(fmt::format("{} must be a time like 5s, 500ms or 2m, got \"{}\"", flag, text));
}

}  // namespace kexp::cli
