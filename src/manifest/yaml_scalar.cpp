#include "yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

namespace kexp::manifest {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kDigitsAndGaps = "0123456789_";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// Walks over a scalar: what fits is taken off its front.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool take(std::string_view word) {
    const bool fits = rest_.starts_with(word);
    rest_.remove_prefix(fits ? word.size() : 0);
    return fits;
  }
  bool take_any(std::string_view characters) {
    const bool fits = !rest_.empty() && characters.find(rest_.front()) != std::string_view::npos;
    rest_.remove_prefix(fits ? 1 : 0);
    return fits;
  }
  /// As many of these characters as there are.
  std::string_view take_all(std::string_view characters) {
    const std::string_view taken = rest_.substr(0, rest_.find_first_not_of(characters));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

std::string without_gaps(std::string_view text) {
  std::string result(text);
  std::erase(result, '_');
  return result;
}

/// The value of a decimal number, infinite where it is too large; 0 for no digits.
double to_double(std::string_view text) {
  const std::string digits = without_gaps(text);
  double value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc::result_out_of_range ? std::numeric_limits<double>::infinity() : value;
}

/// The decimal text of digits in a base; the digits themselves where they are no 64-bit number.
std::string decimal(bool negative, const std::string& digits, int base) {
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  const std::string text = error == std::errc{} && stop == end ? fmt::to_string(value) : digits;
  return negative && text != "0" ? "-" + text : text;
}

/// Sign and prefix of an integer: the base that the prefix stands for.
struct Integer {
  bool negative = false;
  std::string digits;
  int base = 10;
};

std::optional<Integer> based_integer(std::string_view plain, std::string_view prefix,
                                     std::string_view alphabet, int base) {
  Cursor cursor(plain);
  const bool negative = cursor.take("-");
  if (!negative) {
    cursor.take("+");
  }
  if (!cursor.take(prefix)) {
    return std::nullopt;
  }
  const std::string digits = without_gaps(cursor.take_all(alphabet));
  return digits.empty() || !cursor.at_end() ? std::nullopt : std::optional(Integer{negative, digits, base});
}

ScalarReading integer_of(const Integer& integer) {
  return {ScalarKind::integer, decimal(integer.negative, integer.digits, integer.base)};
}

ScalarReading real_of(std::string_view plain) {
  return {ScalarKind::real, fmt::to_string(to_double(plain.substr(plain.starts_with('+') ? 1 : 0)))};
}

bool is_infinity_or_nan(std::string_view plain) {
  static constexpr std::array<std::string_view, 3> kInfinities = {".inf", ".Inf", ".INF"};
  static constexpr std::array<std::string_view, 3> kNans = {".nan", ".NaN", ".NAN"};
  Cursor cursor(plain);
  cursor.take_any("+-");
  return is_one_of(cursor.rest(), kInfinities) || is_one_of(plain, kNans);
}

/// What both versions agree on: null, true and false, infinities.
std::optional<ScalarReading> read_common(std::string_view plain) {
  static constexpr std::array<std::string_view, 5> kNulls = {"", "~", "null", "Null", "NULL"};
  static constexpr std::array<std::string_view, 3> kTrue = {"true", "True", "TRUE"};
  static constexpr std::array<std::string_view, 3> kFalse = {"false", "False", "FALSE"};
  if (is_one_of(plain, kNulls)) {
    return ScalarReading{ScalarKind::null, "null"};
  }
  if (is_one_of(plain, kTrue) || is_one_of(plain, kFalse)) {
    return ScalarReading{ScalarKind::truth, is_one_of(plain, kTrue) ? "true" : "false"};
  }
  if (is_infinity_or_nan(plain)) {
    return ScalarReading{ScalarKind::real, std::string(plain)};
  }
  return std::nullopt;
}

std::optional<Integer> integer_1_1(std::string_view plain) {
  if (const auto binary = based_integer(plain, "0b", "01_", 2)) {
    return binary;
  }
  if (const auto hexadecimal = based_integer(plain, "0x", "0123456789abcdefABCDEF_", 16)) {
    return hexadecimal;
  }
  if (const auto octal = based_integer(plain, "0", "01234567_", 8)) {
    return octal;
  }
  const auto decimal = based_integer(plain, "", kDigitsAndGaps, 10);
  // "_1" and "08" are text: a digit begins, and a leading zero announces an octal number.
  const bool starts_right = plain.find_first_of(kDigitsAndGaps) == plain.find_first_of(kDigits);
  if (decimal && starts_right && (decimal->digits.front() != '0' || decimal->digits == "0")) {
    return decimal;
  }
  return std::nullopt;
}

/// `[-+]? digits? . digits? exponent?`, digits on one side at least, the exponent with its sign.
bool is_real_1_1(std::string_view plain) {
  Cursor cursor(plain);
  cursor.take_any("+-");
  const std::string_view whole = cursor.take_all(kDigitsAndGaps);
  const bool point = cursor.take(".");
  const std::string_view fraction = cursor.take_all(kDigitsAndGaps);
  const bool has_digits = whole.empty() ? !without_gaps(fraction).empty() : is_digit(whole.front());
  if (!point || !has_digits) {
    return false;
  }
  if (cursor.take_any("eE") && !(cursor.take_any("+-") && !cursor.take_all(kDigits).empty())) {
    return false;
  }
  return cursor.at_end();
}

/// `[-+]? digits (: 0-59)+ (. digits)?`, a number to the base of 60: 1:30 is 90, 1:30.5 is 90.5. The standard
/// wants its integers to begin with 1 to 9, but there are readers that take 0:30 for a number, too.
std::optional<ScalarReading> sexagesimal(std::string_view plain) {
  Cursor cursor(plain);
  const bool negative = cursor.take("-");
  if (!negative) {
    cursor.take("+");
  }
  const bool starts_with_digit = cursor.rest().find_first_of(kDigits) == 0;
  double value = to_double(cursor.take_all(kDigitsAndGaps));
  if (!starts_with_digit || !cursor.rest().starts_with(':')) {
    return std::nullopt;
  }
  while (cursor.take(":")) {
    const std::string_view part = cursor.take_all(kDigits);
    if (part.empty() || part.size() > 2 || (part.size() == 2 && part.front() > '5')) {
      return std::nullopt;
    }
    value = value * 60 + to_double(part);
  }
  const bool real = cursor.take(".");
  if (real) {
    value += to_double("0." + std::string(cursor.take_all(kDigitsAndGaps)));
  }
  if (!cursor.at_end()) {
    return std::nullopt;
  }
  return ScalarReading{real ? ScalarKind::real : ScalarKind::integer,
                       fmt::format("{}", negative ? -value : value)};
}

/// `2026-11-22`, alone or with a time behind it.
bool is_date(std::string_view plain) {
  Cursor cursor(plain);
  const bool year = cursor.take_all(kDigits).size() == 4 && cursor.take("-");
  const std::size_t month = cursor.take_all(kDigits).size();
  const bool separated = cursor.take("-");
  const std::size_t day = cursor.take_all(kDigits).size();
  const bool in_range = month >= 1 && month <= 2 && day >= 1 && day <= 2;
  return year && separated && in_range && (cursor.at_end() || cursor.take_any("Tt \t"));
}

std::optional<Integer> integer_1_2(std::string_view plain) {
  if (auto decimal = based_integer(plain, "", kDigits, 10)) {
    decimal->digits.erase(0, std::min(decimal->digits.find_first_not_of('0'), decimal->digits.size() - 1));
    return decimal;
  }
  if (plain.starts_with("0o")) {
    return based_integer(plain, "0o", "01234567", 8);
  }
  if (plain.starts_with("0x")) {
    return based_integer(plain, "0x", "0123456789abcdefABCDEF", 16);
  }
  return std::nullopt;
}

/// `[-+]? (digits | digits . digits? | . digits) exponent?`
bool is_real_1_2(std::string_view plain) {
  Cursor cursor(plain);
  cursor.take_any("+-");
  const std::string_view whole = cursor.take_all(kDigits);
  const std::string_view fraction = cursor.take(".") ? cursor.take_all(kDigits) : std::string_view();
  if (whole.empty() && fraction.empty()) {
    return false;
  }
  if (cursor.take_any("eE")) {
    cursor.take_any("+-");
    return !cursor.take_all(kDigits).empty() && cursor.at_end();
  }
  return cursor.at_end();
}

std::string described(const ScalarReading& reading) {
  switch (reading.kind) {
    case ScalarKind::text:
      return "text";
    case ScalarKind::date:
      return "a date";
    case ScalarKind::null:
      return "nothing (null)";
    case ScalarKind::truth:
      return reading.value;
    case ScalarKind::integer:
    case ScalarKind::real:
      break;
  }
  return "the number " + reading.value;
}

/// Bytes of the character that begins with `lead`; 0 where none does.
std::size_t utf8_length(unsigned char lead) {
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xC2 || lead > 0xF4) {
    return 0;
  }
  return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

std::optional<char32_t> decode_one(std::string_view bytes) {
  static constexpr std::array<char32_t, 4> kSmallest = {0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(bytes.front());
  char32_t character = bytes.size() == 1 ? lead : lead & (0x7FU >> bytes.size());
  for (const char byte : bytes.substr(1)) {
    const auto next = static_cast<unsigned char>(byte);
    if ((next & 0xC0U) != 0x80U) {
      return std::nullopt;
    }
    character = (character << 6U) | (next & 0x3FU);
  }
  const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
  const bool no_character = (character & 0xFFFEU) == 0xFFFEU || (character >= 0xFDD0 && character <= 0xFDEF);
  const bool too_long = character < kSmallest.at(bytes.size() - 1);
  return surrogate || no_character || too_long || character > 0x10FFFF ? std::nullopt
                                                                       : std::optional(character);
}

}  // namespace

ScalarReading read_yaml_1_1(std::string_view plain) {
  static constexpr std::array<std::string_view, 8> kTrue = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"};
  static constexpr std::array<std::string_view, 8> kFalse = {"n", "N", "no", "No", "NO", "off", "Off", "OFF"};
  if (auto common = read_common(plain)) {
    return *common;
  }
  if (is_one_of(plain, kTrue) || is_one_of(plain, kFalse)) {
    return {ScalarKind::truth, is_one_of(plain, kTrue) ? "true" : "false"};
  }
  if (const auto integer = integer_1_1(plain)) {
    return integer_of(*integer);
  }
  if (is_real_1_1(plain)) {
    return real_of(plain);
  }
  if (const auto number = sexagesimal(plain)) {
    return *number;
  }
  return {is_date(plain) ? ScalarKind::date : ScalarKind::text, std::string(plain)};
}

ScalarReading read_yaml_1_2(std::string_view plain) {
  if (auto common = read_common(plain)) {
    return *common;
  }
  if (const auto integer = integer_1_2(plain)) {
    return integer_of(*integer);
  }
  if (is_real_1_2(plain)) {
    return real_of(plain);
  }
  return {ScalarKind::text, std::string(plain)};
}

std::string scalar_trap(std::string_view plain) {
  const ScalarReading old = read_yaml_1_1(plain);
  const ScalarReading current = read_yaml_1_2(plain);
  if (old != current) {
    return current.kind == ScalarKind::text ? fmt::format("YAML 1.1 reads {} as {}", plain, described(old))
                                            : fmt::format("YAML 1.1 reads {} as {}, YAML 1.2 as {}", plain,
                                                          described(old), described(current));
  }
  const bool other_base = current.kind == ScalarKind::integer && plain.find_first_of("xXoO") != plain.npos;
  return other_base ? fmt::format("YAML reads {} as {}", plain, described(current)) : std::string();
}

std::optional<std::u32string> decode_utf8(std::string_view text) {
  std::u32string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(static_cast<unsigned char>(text.front()));
    const std::optional<char32_t> character =
        length == 0 || length > text.size() ? std::nullopt : decode_one(text.substr(0, length));
    if (!character) {
      return std::nullopt;
    }
    result.push_back(*character);
    text.remove_prefix(length);
  }
  return result;
}

bool is_printable(char32_t character) {
  if (character < 0x20 || (character >= 0x7F && character <= 0xA0)) {
    return false;  // the no-break space (0xA0) looks like a space and is none
  }
  return character != 0x2028 && character != 0x2029 && character != 0xFEFF;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace kexp::manifest
