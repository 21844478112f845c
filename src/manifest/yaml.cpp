#include "kexp/manifest/yaml.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include <fmt/format.h>
#include <yaml-cpp/emitter.h>

#include "yaml_scalar.hpp"

namespace kexp::manifest {
namespace {

constexpr std::size_t kIndent = 2;
/// Comments are broken so that they end here, where words allow it.
constexpr std::size_t kCommentEnd = 110;

// Strings.

/// Words that a reader of YAML 1.1 or of another tool takes for something else, in any case.
bool is_reserved_word(std::string_view text) {
  static constexpr std::array<std::string_view, 14> kWords = {
      "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", ".nan", "<<", "="};
  std::string lower(text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "1.36.4", an address: digits in three or more groups, which nobody takes for a number.
bool is_dotted(std::string_view text) {
  const bool dots_and_digits = text.find_first_not_of("0123456789.") == std::string_view::npos;
  return dots_and_digits && text.find("..") == std::string_view::npos && is_digit(text.front()) &&
         is_digit(text.back()) && std::count(text.begin(), text.end(), '.') >= 2;
}

/// Whether some reader might take it for a number or a time: more than the two standards say, because
/// readers differ ("1,000" and "1__0" are numbers to some).
bool resembles_number(std::string_view text) {
  const std::string_view unsigned_text = text.substr(text.starts_with('-') || text.starts_with('+') ? 1 : 0);
  const std::string_view digits = unsigned_text.substr(unsigned_text.starts_with('.') ? 1 : 0);
  if (digits.empty() || !is_digit(digits.front()) || is_dotted(text)) {
    return false;
  }
  const bool other_base = digits.size() > 1 && digits.front() == '0' &&
                          std::string_view("xXoObB").find(digits[1]) != std::string_view::npos;
  const bool decimal = digits.find_first_not_of("0123456789eE_+-.,:") == std::string_view::npos;
  const bool date = digits.size() > 5 && std::all_of(digits.begin(), digits.begin() + 4, is_digit) &&
                    digits[4] == '-' && is_digit(digits[5]);
  return other_base || decimal || date;
}

bool is_plain_start(std::string_view text) {
  const char first = text.front();
  const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
  if (letter || is_digit(first) || std::string_view("_/.$(^+").find(first) != std::string_view::npos) {
    return !text.starts_with("...");
  }
  // "--flag=value" is common; "- " begins a list and "---" a document.
  return first == '-' && text.size() > 1 && text[1] != ' ' && !text.starts_with("---");
}

/// Whether every reader of YAML 1.1 and 1.2 takes the bare text for this string, in block style and, with
/// `in_flow`, between brackets.
bool is_safe_plain(std::string_view text, bool in_flow) {
  if (text.empty() || !is_plain_start(text) || is_reserved_word(text) || resembles_number(text)) {
    return false;
  }
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
  if (!ascii || text.back() == ' ' || text.back() == ':' || text.find(": ") != std::string_view::npos ||
      text.find(" #") != std::string_view::npos) {
    return false;
  }
  // Some readers take a ':' between brackets for the end of a key.
  return !in_flow || text.find_first_of(",[]{}:\"'") == std::string_view::npos;
}

/// Whether a literal block holds exactly this text for every reader and every editor: several lines, none
/// ending in a blank, the first neither empty nor indented, at most one line feed at the end.
bool fits_block(std::string_view text, const std::u32string& characters) {
  const std::size_t first_end = text.find('\n');
  if (first_end == std::string_view::npos || first_end == 0 || text.front() == ' ') {
    return false;
  }
  const bool readable = std::all_of(characters.begin(), characters.end(),
                                    [](char32_t c) { return c == U'\n' || is_printable(c); });
  return readable && text.find(" \n") == std::string_view::npos && !text.ends_with("\n\n") &&
         text.back() != ' ';
}

// Comments.

/// Takes the words off the front of `line` that fit into `width`, one at least.
std::string_view take_words(std::string_view& line, std::size_t width) {
  std::size_t end = line.size();
  if (line.size() > width) {
    end = line.rfind(' ', width);
    if (end == std::string_view::npos || end == 0) {
      end = std::min(line.find(' ', 1), line.size());
    }
  }
  const std::string_view words = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return words;
}

/// A comment as lines of `# `, indented.
std::string comment_lines(const std::string& comment, std::size_t indent) {
  const std::optional<std::u32string> characters = decode_utf8(comment);
  if (!characters || !std::all_of(characters->begin(), characters->end(),
                                  [](char32_t c) { return c == U'\n' || is_printable(c); })) {
    throw std::logic_error("a comment that YAML cannot hold: " + comment);
  }
  const std::size_t width = std::max(kCommentEnd, indent + 42) - indent - 2;
  std::string result;
  for (std::string_view line : lines_of(comment)) {
    do {
      const std::string_view words = take_words(line, width);
      result += std::string(indent, ' ') + (words.empty() ? "#" : "# ") + std::string(words) + "\n";
    } while (!line.empty());
  }
  return result;
}

/// Writes one document.
///
/// yaml-cpp 0.7 puts comments into the column or the line where it happens to be, and writes every literal
/// block as `|`, whatever ends its text. So it writes the structure and the scalars, a one-character stand-in
/// for each block; comments and blocks are noted with their place in its output and put in afterwards.
class DocumentWriter {
 public:
  explicit DocumentWriter(const Yaml& root) {
    out_.SetIndent(kIndent);
    write(root, Style::block, Insertion::Kind::block);
  }

  [[nodiscard]] std::string text() const {
    std::string result(out_.c_str(), out_.size());
    // From the end, so that the places noted before stay right.
    for (auto insertion = insertions_.rbegin(); insertion != insertions_.rend(); ++insertion) {
      put_in(*insertion, result);
    }
    return result + "\n";
  }

 private:
  enum class Style { block, flow };
  struct Insertion {
    enum class Kind { comment, block, block_of_item };
    Kind kind;
    std::size_t place;  ///< In the emitter's output, behind the key or the stand-in.
    std::string text;
  };

  /// What stands before the first character of a line's content: blanks, and dashes of list items.
  static std::size_t content_column(std::string_view line) {
    std::size_t column = line.find_first_not_of(' ');
    while (line.substr(column).starts_with("- ")) {
      column += kIndent;
    }
    return column;
  }

  static void put_in(const Insertion& insertion, std::string& output) {
    const std::size_t line_start = output.rfind('\n', insertion.place - 1) + 1;  // npos + 1 is 0
    const std::string_view line = std::string_view(output).substr(line_start);
    if (insertion.kind == Insertion::Kind::comment) {
      output.insert(line_start, comment_lines(insertion.text, line.find_first_not_of(' ')));
      return;
    }
    const std::size_t column =
        content_column(line) + (insertion.kind == Insertion::Kind::block ? kIndent : 0);
    std::string block = insertion.text.ends_with('\n') ? "|" : "|-";
    for (const std::string_view text_line : lines_of(insertion.text)) {
      block += "\n" + (text_line.empty() ? "" : std::string(column, ' ')) + std::string(text_line);
    }
    output.replace(insertion.place - 1, 1, block);
  }

  void write(const Yaml& node, Style style, Insertion::Kind block) {
    if (node.is_map()) {
      write_map(node, style);
    } else if (node.is_list()) {
      write_list(node, style);
    } else if (const auto* number = std::get_if<std::int64_t>(&node.value())) {
      out_ << *number;
    } else if (const auto* truth = std::get_if<bool>(&node.value())) {
      out_ << *truth;
    } else {
      write_text(node.text(), style, block);
    }
  }

  void write_map(const Yaml& node, Style outer) {
    const Style style = begin(node, outer, node.entries().empty(), YAML::BeginMap);
    for (const YamlEntry& entry : node.entries()) {
      out_ << YAML::Key;
      write_line(entry.key, style);
      if (!entry.comment.empty()) {
        if (style == Style::flow) {
          throw std::logic_error("a comment within a line of YAML, at the key " + entry.key);
        }
        insertions_.push_back({Insertion::Kind::comment, out_.size(), entry.comment});
      }
      out_ << YAML::Value;
      write(entry.value, style, Insertion::Kind::block);
    }
    out_ << YAML::EndMap;
  }

  void write_list(const Yaml& node, Style outer) {
    const Style style = begin(node, outer, node.items().empty(), YAML::BeginSeq);
    for (const Yaml& item : node.items()) {
      write(item, style, Insertion::Kind::block_of_item);
    }
    out_ << YAML::EndSeq;
  }

  Style begin(const Yaml& node, Style outer, bool empty, YAML::EMITTER_MANIP opening) {
    // Left to itself, the emitter puts an empty collection into a line of its own.
    const Style style = outer == Style::flow || node.flow() || empty ? Style::flow : Style::block;
    out_ << (style == Style::flow ? YAML::Flow : YAML::Block) << opening;
    return style;
  }

  void write_text(const std::string& text, Style style, Insertion::Kind block) {
    const std::optional<std::u32string> characters = decode_utf8(text);
    if (style == Style::block && characters && fits_block(text, *characters)) {
      out_ << "x";
      insertions_.push_back({block, out_.size(), text});
    } else {
      write_line(text, style);
    }
  }

  void write_line(const std::string& text, Style style) {
    if (is_safe_plain(text, style == Style::flow)) {
      out_ << text;
      return;
    }
    const std::optional<std::u32string> characters = decode_utf8(text);
    if (!characters) {
      throw std::logic_error("a string that YAML cannot hold, it is not UTF-8: " + text);
    }
    // The emitter escapes most of what is not printable by itself, but leaves these as they are.
    const bool escape = std::any_of(characters->begin(), characters->end(),
                                    [](char32_t c) { return c == 0x7F || c == 0x2028 || c == 0x2029; });
    out_ << (escape ? YAML::EscapeNonAscii : YAML::EmitNonAscii) << YAML::DoubleQuoted << text;
  }

  YAML::Emitter out_;
  std::vector<Insertion> insertions_;
};

std::string document_text(const YamlDocument& document) {
  std::string result = comment_lines(document.comment, 0);
  const Yaml& root = document.root;
  const bool comment_follows =
      root.is_map() && !root.entries().empty() && !root.entries().front().comment.empty();
  if (!result.empty() && comment_follows) {
    result += "\n";
  }
  return result + DocumentWriter(root).text();
}

}  // namespace

Yaml::Yaml(const Yaml& other) = default;
Yaml::Yaml(Yaml&& other) noexcept = default;
Yaml& Yaml::operator=(const Yaml& other) = default;
Yaml& Yaml::operator=(Yaml&& other) noexcept = default;
Yaml::~Yaml() = default;

Yaml::Yaml(std::string text) : value_(std::move(text)) {}

Yaml Yaml::list(std::vector<Yaml> items) {
  Yaml node;
  node.value_ = std::move(items);
  return node;
}

Yaml Yaml::map(std::initializer_list<YamlEntry> entries) {
  Yaml node;
  node.value_ = Map();
  for (const YamlEntry& entry : entries) {
    node.set(entry.key, entry.value, entry.comment);
  }
  return node;
}

Yaml& Yaml::set(std::string key, Yaml value, std::string comment) {
  if (find({key}) != nullptr) {
    throw std::logic_error("a key twice in a mapping: " + key);
  }
  std::get<Map>(value_).push_back({std::move(key), std::move(value), std::move(comment)});
  return *this;
}

Yaml& Yaml::push(Yaml item) {
  std::get<List>(value_).push_back(std::move(item));
  return *this;
}

Yaml Yaml::on_one_line() && {
  flow_ = true;
  return std::move(*this);
}

Yaml Yaml::on_one_line() const& { return Yaml(*this).on_one_line(); }

bool Yaml::is_map() const { return std::holds_alternative<Map>(value_); }
bool Yaml::is_list() const { return std::holds_alternative<List>(value_); }
const Yaml::Map& Yaml::entries() const { return std::get<Map>(value_); }
const Yaml::List& Yaml::items() const { return std::get<List>(value_); }
const std::string& Yaml::text() const { return std::get<std::string>(value_); }
std::int64_t Yaml::number() const { return std::get<std::int64_t>(value_); }
bool Yaml::truth() const { return std::get<bool>(value_); }

const Yaml* Yaml::find(std::initializer_list<std::string_view> path) const {
  const Yaml* node = this;
  for (const std::string_view step : path) {
    node = node->child(step);
    if (node == nullptr) {
      return nullptr;
    }
  }
  return node;
}

const Yaml* Yaml::child(std::string_view step) const {
  if (is_map()) {
    const auto entry = std::find_if(entries().begin(), entries().end(),
                                    [&](const YamlEntry& candidate) { return candidate.key == step; });
    return entry == entries().end() ? nullptr : &entry->value;
  }
  if (is_list()) {
    std::size_t position = 0;
    const auto [stop, error] = std::from_chars(step.data(), step.data() + step.size(), position);
    const bool is_position = error == std::errc{} && stop == step.data() + step.size();
    return is_position && position < items().size() ? &items()[position] : nullptr;
  }
  return nullptr;
}

bool Yaml::operator==(const Yaml& other) const { return value_ == other.value_; }

bool YamlEntry::operator==(const YamlEntry& other) const { return key == other.key && value == other.value; }

std::string write_yaml(const std::vector<YamlDocument>& documents) {
  std::string result;
  for (const YamlDocument& document : documents) {
    result += (result.empty() ? "" : "---\n") + document_text(document);
  }
  return result;
}

}  // namespace kexp::manifest
