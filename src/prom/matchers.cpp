#include "matchers.hpp"

#include <charconv>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::prom {

namespace {

constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:";

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80U | (code >> shift & 0x3fU)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0U | code >> 6U);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0U | code >> 12U);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0U | code >> 18U);
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Reads a list of matchers from front to back.
class MatcherParser {
 public:
  explicit MatcherParser(std::string_view text) : text_(text) {}

  std::vector<Matcher> parse() {
    std::vector<Matcher> matchers;
    for (skip_space(); at_ < text_.size(); skip_space()) {
      matchers.push_back(matcher());
      skip_space();
      if (at_ < text_.size()) {
        expect(",");
      }
    }
    return matchers;
  }

 private:
  [[nodiscard]] UsageError wrong(std::string_view what) const {
    return UsageError(fmt::format("the selector {{{}}} has {} at character {}", text_, what, at_ + 1));
  }

  void skip_space() {
    const std::size_t next = text_.find_first_not_of(" \t\r\n", at_);
    at_ = next == std::string_view::npos ? text_.size() : next;
  }
  [[nodiscard]] bool at_quote() const {
    return at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'' || text_[at_] == '`');
  }
  bool accept(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) {
      return false;
    }
    at_ += word.size();
    return true;
  }
  void expect(std::string_view word) {
    if (!accept(word)) {
      throw wrong(fmt::format("no \"{}\"", word));
    }
  }

  Matcher matcher() {
    Matcher matcher;
    const bool quoted = at_quote();
    matcher.name = quoted ? string() : name();
    skip_space();
    if (quoted && (at_ == text_.size() || text_[at_] == ',')) {  // {"a.metric"}
      return {Matcher::Type::equal, "__name__", std::move(matcher.name)};
    }
    matcher.type = type();
    skip_space();
    if (!at_quote()) {
      throw wrong("no quoted value");
    }
    matcher.value = string();
    return matcher;
  }

  std::string name() {
    const std::size_t end = text_.find_first_not_of(kNameCharacters, at_);
    std::string name(text_.substr(at_, end == std::string_view::npos ? end : end - at_));
    if (name.empty()) {
      throw wrong("no name of a label");
    }
    at_ += name.size();
    return name;
  }

  Matcher::Type type() {
    if (accept("=~")) {
      return Matcher::Type::regex;
    }
    if (accept("!~")) {
      return Matcher::Type::not_regex;
    }
    if (accept("!=")) {
      return Matcher::Type::not_equal;
    }
    expect("=");
    return Matcher::Type::equal;
  }

  std::string string() {
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && quote != '`') {
        ++at_;
        append_escape(value);
      } else {
        value += text_[at_++];
      }
    }
    if (at_ == text_.size()) {
      throw wrong("a string without its end");
    }
    ++at_;
    return value;
  }

  /// What follows a backslash, as Go reads it.
  void append_escape(std::string& value) {
    constexpr std::string_view kLetters = "abfnrtv\\'\"";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    if (at_ < text_.size()) {
      if (const std::size_t letter = kLetters.find(text_[at_]); letter != std::string_view::npos) {
        ++at_;
        value += kMeanings[letter];
        return;
      }
    }
    if (accept("x")) {
      value += static_cast<char>(digits(2, 16));
    } else if (accept("u")) {
      append_utf8(value, digits(4, 16));
    } else if (accept("U")) {
      append_utf8(value, digits(8, 16));
    } else {
      value += static_cast<char>(digits(3, 8));
    }
  }

  std::uint32_t digits(std::size_t count, int base) {
    const std::string_view text = text_.substr(at_, count);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.size() != count || error != std::errc() || end != text.data() + text.size()) {
      throw wrong("an unknown escape");
    }
    at_ += count;
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Matcher> parse_matchers(std::string_view text) { return MatcherParser(text).parse(); }

}  // namespace kexp::prom
