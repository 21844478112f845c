#include "load_file.hpp"

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

namespace kexp::cycle {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// NaN when `text` is no finite number.
double parse_number(std::string_view text) {
  text = trim(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  return is_number ? value : std::nan("");
}

struct NumberLine {
  double first;
  double second;
  std::string where;  ///< "file:line".
};

/// Two numbers a line; blank lines and lines that start with '#' are skipped, as is a header of those names.
std::vector<NumberLine> read_pairs(const std::filesystem::path& file, std::string_view header) {
  std::string text;
  try {
    text = read_file(file);
  } catch (const Error& e) {
    throw UsageError(fmt::format("--profile: {}", e.what()));
  }
  std::vector<NumberLine> lines;
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const auto newline = rest.find('\n');
    const std::string_view line = trim(rest.substr(0, newline));
    rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
    if (line.empty() || line.front() == '#' || (lines.empty() && line == header)) {
      continue;
    }
    const std::string where = fmt::format("{}:{}", file.string(), number);
    const auto comma = line.find(',');
    const double first = parse_number(line.substr(0, comma));
    const double second =
        comma == std::string_view::npos ? std::nan("") : parse_number(line.substr(comma + 1));
    if (std::isnan(first) || std::isnan(second)) {
      throw UsageError(fmt::format("{}: must be two numbers, {}, got \"{}\"", where, header, line));
    }
    if (second < 0) {
      throw UsageError(fmt::format("{}: the fraction must be at least 0, got {}", where, second));
    }
    lines.push_back({first, second, where});
  }
  if (lines.empty()) {
    throw UsageError(fmt::format("--profile: {} has no line {}", file.string(), header));
  }
  return lines;
}

}  // namespace

std::vector<Segment> read_steps(const std::filesystem::path& file) {
  std::vector<Segment> segments;
  double start = 0;
  for (const NumberLine& line : read_pairs(file, "duration_s,fraction")) {
    if (line.first <= 0) {
      throw UsageError(fmt::format("{}: the duration must be above 0, got {}", line.where, line.first));
    }
    segments.push_back({start, line.first, line.second});
    start += line.first;
  }
  return segments;
}

std::vector<Segment> read_step_function(const std::filesystem::path& file, double duration_s) {
  std::vector<Segment> segments;
  for (const NumberLine& line : read_pairs(file, "t_s,fraction")) {
    const bool in_order = segments.empty() ? line.first == 0 : line.first > segments.back().start_s;
    if (!in_order) {
      throw UsageError(fmt::format("{}: times must start at 0 and rise, got {}", line.where, line.first));
    }
    if (line.first > duration_s) {
      throw UsageError(
          fmt::format("{}: t_s {} is beyond --duration {}, which cuts a csv profile and does not stretch it: "
                      "raise it, or leave the lines out",
                      line.where, line.first, duration_s));
    }
    if (line.first == duration_s) {
      continue;
    }
    if (!segments.empty()) {
      segments.back().duration_s = line.first - segments.back().start_s;
    }
    segments.push_back({line.first, 0, line.second});
  }
  segments.back().duration_s = duration_s - segments.back().start_s;
  return segments;
}

}  // namespace kexp::cycle
