#include "kexp/prom/selector.hpp"

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::prom {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

/// The position after the string that begins at `at`, or npos.
std::size_t after_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote != '`') {
      ++i;
    } else if (text[i] == quote) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

/// The position of the brace that closes, outside of strings, or npos.
std::size_t closing_brace(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && text[i] != '}') {
    const bool is_string = text[i] == '"' || text[i] == '\'' || text[i] == '`';
    i = is_string ? after_string(text, i) : i + 1;
  }
  return i < text.size() ? i : std::string_view::npos;
}

/// Text that a regular expression matches as it stands.
std::string escaped_regex(std::string_view text) {
  constexpr std::string_view kSpecial = R"(\.+*?()|[]{}^$)";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string job_matcher(const std::vector<std::string>& jobs) {
  std::string pattern;
  const char* bar = "";
  for (const std::string& job : jobs) {
    pattern += bar + escaped_regex(job);
    bar = "|";
  }
  return fmt::format("job=~{}", promql_string(pattern));
}

}  // namespace

Selector Selector::parse(std::string_view text, std::string_view flag) {
  const auto wrong = [&] {
    return UsageError(
        fmt::format("{} must be a series selector such as up or {{job=\"kepler\"}}, got \"{}\"", flag, text));
  };
  Selector selector;
  selector.text_ = trimmed(text);
  std::string_view rest = selector.text_;
  std::size_t name_end = 0;
  while (name_end < rest.size() && is_name_char(rest[name_end])) {
    ++name_end;
  }
  if (name_end > 0) {
    selector.matchers_ = fmt::format("__name__={}", promql_string(rest.substr(0, name_end)));
  }
  rest = trimmed(rest.substr(name_end));
  if (!rest.empty()) {
    if (rest.front() != '{' || closing_brace(rest) != rest.size() - 1) {
      throw wrong();
    }
    std::string_view matchers = trimmed(rest.substr(1, rest.size() - 2));
    if (!matchers.empty() && matchers.back() == ',') {
      matchers = trimmed(matchers.substr(0, matchers.size() - 1));
    }
    if (!matchers.empty()) {
      selector.matchers_ += selector.matchers_.empty() ? "" : ",";
      selector.matchers_ += matchers;
    }
  }
  if (selector.matchers_.empty()) {
    throw wrong();
  }
  return selector;
}

std::string promql_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + "\"";
}

std::vector<std::string> narrowed_selectors(const MetricQuery& query) {
  std::string fixed = fmt::format("__name__={}", promql_string(query.metric));
  if (!query.jobs.empty()) {
    fixed += "," + job_matcher(query.jobs);
  }
  std::vector<std::string> narrowed;
  for (const Selector& selector : query.selectors) {
    narrowed.push_back(fmt::format("{{{},{}}}", fixed, selector.matchers()));
  }
  if (narrowed.empty()) {
    narrowed.push_back(fmt::format("{{{}}}", fixed));
  }
  return narrowed;
}

std::string count_expression(const MetricQuery& query, std::chrono::milliseconds range) {
  std::string counts;
  for (const std::string& selector : narrowed_selectors(query)) {
    counts +=
        fmt::format("{}count_over_time({}[{}ms])", counts.empty() ? "" : " or ", selector, range.count());
  }
  return fmt::format("sum({})", counts);
}

std::string recent_expression(const MetricQuery& query) {
  std::string recent;
  for (const std::string& selector : narrowed_selectors(query)) {
    recent += fmt::format("{}last_over_time({}[{}ms])", recent.empty() ? "" : " or ", selector,
                          query.lookback.count());
  }
  return recent;
}

std::string sampled_expression(const MetricQuery& query) {
  return fmt::format("({}) and ({})", fmt::join(narrowed_selectors(query), " or "), recent_expression(query));
}

}  // namespace kexp::prom
