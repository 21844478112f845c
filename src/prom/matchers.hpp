#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kexp::prom {

/// One condition on a label. The values are those of Prometheus' messages.
struct Matcher {
  enum class Type { equal = 0, not_equal = 1, regex = 2, not_regex = 3 };
  Type type = Type::equal;
  std::string name;
  std::string value;
  bool operator==(const Matcher&) const = default;
};

/// Reads what stands between a selector's braces: `__name__="up",job=~"a|b"`, also with quoted names as
/// Prometheus 3 has them. Errors: UsageError with the text.
[[nodiscard]] std::vector<Matcher> parse_matchers(std::string_view text);

}  // namespace kexp::prom
