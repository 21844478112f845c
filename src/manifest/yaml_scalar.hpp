#pragma once

/// What readers of YAML take a plain (unquoted) scalar for. YAML 1.1 (PyYAML, many tools of clusters) and
/// YAML 1.2 disagree on some, which is how `no` becomes false and `12:30` becomes 750. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kexp::manifest {

enum class ScalarKind { text, integer, real, truth, null, date };

struct ScalarReading {
  ScalarKind kind = ScalarKind::text;
  /// What the reader makes of it: "750" of 12:30, "83" of 0123, "1.1" of 1.10, "false" of no, "null" of ~;
  /// the text itself where it is taken for text or a date.
  std::string value;

  bool operator==(const ScalarReading&) const = default;
};

/// Source: yaml.org/type (1.1), without its unintended rule that takes "1.2.3" for a float.
[[nodiscard]] ScalarReading read_yaml_1_1(std::string_view plain);
/// Source: YAML 1.2.2, section 10.3, the core schema.
[[nodiscard]] ScalarReading read_yaml_1_2(std::string_view plain);

/// Why a plain scalar is not what a person takes it for: `YAML 1.1 reads 12:30 as the number 750`; empty
/// where both versions read the number, truth value, null or text that stands there.
[[nodiscard]] std::string scalar_trap(std::string_view plain);

/// The code points of a UTF-8 text; nullopt for what is no UTF-8 or no character (surrogates, U+FFFE, …).
[[nodiscard]] std::optional<std::u32string> decode_utf8(std::string_view text);

/// A character that YAML 1.1 and 1.2 both allow as it is within a line, no tab and no byte order mark.
[[nodiscard]] bool is_printable(char32_t character);

/// The lines of a text without their newlines; none of an empty text. They live as long as `text`.
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace kexp::manifest
