#include <charconv>
#include <map>

#include <fmt/format.h>

#include "kexp/inference/model_info.hpp"

namespace kexp::inference {

namespace {

constexpr std::size_t kMostLabels = 100'000;  // a broken file may count to 10^18

/// Reads the Python literals that exporters write: a dictionary of numbers and strings, or a list of strings.
class PythonReader {
 public:
  explicit PythonReader(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::string>> labels() {
    std::optional<std::vector<std::string>> result;
    if (take('{')) {
      result = dictionary();
    } else if (take('[')) {
      result = list();
    }
    skip_blanks();
    return at_ == text_.size() ? result : std::nullopt;
  }

 private:
  std::optional<std::vector<std::string>> dictionary() {
    std::map<std::size_t, std::string> by_id;
    while (!take('}')) {
      const auto id = key();
      auto label = id && take(':') ? string() : std::nullopt;
      if (!label || !comma_before('}')) {
        return std::nullopt;
      }
      by_id[*id] = std::move(*label);
    }
    std::vector<std::string> labels(by_id.empty() ? 0 : by_id.rbegin()->first + 1);
    for (std::size_t id = 0; id < labels.size(); ++id) {
      const auto found = by_id.find(id);
      labels[id] = found == by_id.end() ? fmt::format("class {}", id) : found->second;
    }
    return labels;
  }

  std::optional<std::vector<std::string>> list() {
    std::vector<std::string> labels;
    while (!take(']')) {
      auto label = string();
      if (!label || !comma_before(']')) {
        return std::nullopt;
      }
      labels.push_back(std::move(*label));
    }
    return labels;
  }

  /// A number, bare or in quotes (JSON has no other keys).
  std::optional<std::size_t> key() {
    skip_blanks();
    std::string digits;
    if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
      digits = string().value_or("");
    } else {
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        digits += text_[at_++];
      }
    }
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = error == std::errc() && end == digits.data() + digits.size() && value < kMostLabels;
    return whole ? std::optional(value) : std::nullopt;
  }

  std::optional<std::string> string() {
    skip_blanks();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) {
      return std::nullopt;
    }
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == quote) {
        return value;
      }
      if (c == '\\' && at_ < text_.size()) {
        value += escaped(text_[at_++]);
      } else {
        value += c;
      }
    }
    return std::nullopt;
  }

  static char escaped(char c) { return c == 'n' ? '\n' : c == 't' ? '\t' : c; }

  /// Between two entries; the last may have one, too.
  bool comma_before(char end) {
    skip_blanks();
    return take(',') || (at_ < text_.size() && text_[at_] == end);
  }

  bool take(char wanted) {
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == wanted) {
      ++at_;
      return true;
    }
    return false;
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) {
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string quoted(const std::string& label) {
  std::string text = "'";
  for (const char c : label) {
    if (c == '\'' || c == '\\') {
      text += '\\';
    }
    text += c;
  }
  return text + "'";
}

}  // namespace

std::optional<std::vector<std::string>> parse_labels(std::string_view text) {
  return PythonReader(text).labels();
}

std::string labels_text(const std::vector<std::string>& labels) {
  std::string text = "{";
  for (std::size_t id = 0; id < labels.size(); ++id) {
    text += fmt::format("{}{}: {}", id == 0 ? "" : ", ", id, quoted(labels[id]));
  }
  return text + "}";
}

}  // namespace kexp::inference
