#include "yaml_source.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "kexp/core/error.hpp"

#include "yaml_scalar.hpp"

namespace kexp::manifest {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

struct Fault {
  int line = 0;
  std::string message;
};

[[noreturn]] void refuse(std::vector<Fault> faults, const std::string& name) {
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& a, const Fault& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (const Fault& fault : faults) {
    lines.push_back(fmt::format("{}:{}: {}", name, fault.line, fault.message));
  }
  throw UsageError(fmt::format("{}", fmt::join(lines, "\n")));
}

// The text, before it is parsed.

/// The text without a byte order mark, its lines ending in LF alone.
std::string normalized(std::string text) {
  if (text.starts_with(kByteOrderMark)) {
    text.erase(0, kByteOrderMark.size());
  }
  for (std::size_t end = text.find("\r\n"); end != std::string::npos; end = text.find("\r\n", end)) {
    text.erase(end, 1);
  }
  return text;
}

/// What is wrong with a line whatever stands around it; empty where nothing is.
std::string line_fault(std::string_view line) {
  const std::optional<std::u32string> characters = decode_utf8(line);
  if (!characters) {
    return "this line is not UTF-8";
  }
  const auto strange = std::find_if(characters->begin(), characters->end(),
                                    [](char32_t c) { return c != U'\t' && !is_printable(c); });
  if (strange != characters->end()) {
    return fmt::format("the character U+{:04X} stands here, unseen: remove it",
                       static_cast<unsigned>(*strange));
  }
  const std::size_t first = line.find_first_not_of(" \t");
  if (first != std::string_view::npos && line.substr(0, first).find('\t') != std::string_view::npos) {
    return "a tab indents this line: YAML is indented by blanks";
  }
  return line.starts_with('%') ? "directives (%) are not read: remove this line" : "";
}

void check_lines(const std::vector<std::string_view>& lines, const std::string& name) {
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (std::string fault = line_fault(lines[i]); !fault.empty()) {
      faults.push_back({static_cast<int>(i + 1), std::move(fault)});
    }
  }
  if (!faults.empty()) {
    refuse(std::move(faults), name);
  }
}

/// Where the quote at `begin` is closed; npos where it is not.
std::size_t closing_quote(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || text.substr(i + 1, 1) != "'") {
        return i;
      }
      ++i;  // '' within single quotes is one '
    }
  }
  return std::string_view::npos;
}

// The parser's messages, in terms of what a person wrote.

struct Explanation {
  std::string_view parser;
  std::string_view ours;
};

std::string explained(const std::string& message) {
  static constexpr std::array<Explanation, 9> kExplanations = {{
      {"illegal map value",
       "a ': ' where no key can stand: mind the indentation, or put text with ': ' in quotes"},
      {"end of map not found",
       "this does not fit what stands above or before it: mind the indentation and the quotes"},
      {"end of sequence not found",
       "this does not fit the list above it: mind the indentation and the '-' of the items"},
      {"illegal block entry", "a '-' where no list can begin: put it into a line of its own, below the key"},
      {"illegal map key", "a '?' where no key can begin: put the text in quotes"},
      {"illegal flow end", "a ']' or '}' that closes nothing: put the text in quotes, or remove it"},
      {"unknown token", "no text can begin with this character: put it in quotes"},
      {"the referenced anchor is not defined",
       "aliases (*) are not read: put the text in quotes, or write it out"},
      {"unknown escape character: ", "an unknown escape (\\) in double quotes: write \\\\ for a backslash"},
  }};
  const auto found = std::find_if(kExplanations.begin(), kExplanations.end(),
                                  [&](const Explanation& e) { return message.starts_with(e.parser); });
  return found == kExplanations.end() ? message : std::string(found->ours);
}

/// Makes the tree from the parser's events and notes what is to be refused.
///
/// yaml-cpp 0.7 takes some texts for YAML that are none: a quote that is never closed, a key without ':', a
/// second document without `---`. They are recognised here, from the marks of the events.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const std::vector<std::string_view>& lines)
      : text_(text), lines_(lines) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2) {
      misread(line_of(mark), starts_document(mark)
                                 ? "a second document begins here: one is read, remove the other"
                                 : "this does not belong to what stands above it: mind the indentation");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    YamlSource node;
    node.line = line_of(mark);
    if (Frame* frame = top(); frame != nullptr && frame->key) {
      node.line = frame->key->line;
      if (!has_colon(*frame, mark)) {
        misread(node.line, fmt::format("{} has no ': ' behind it", frame->key->key));
      }
    } else if (frame != nullptr && frame->node.kind == YamlSource::Kind::list) {
      node.line = line_of_bare_dash(node.line);
    }
    add(std::move(node), mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fault(line_of(mark), "aliases (*) are not read: write the value out");
    add({YamlSource::Kind::scalar, line_of(mark), {}, true, {}, {}}, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool decorated = refuse_anchor(mark, anchor) || refuse_tag(mark, tag);
    if (!decorated) {
      check_extent(mark, tag == "?", value);
    }
    add({YamlSource::Kind::scalar, line_of(mark), value, tag == "?", {}, {}}, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(YamlSource::Kind::list, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(YamlSource::Kind::map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { close(); }

  /// Takes note of what ended the parser.
  void fail(const YAML::Exception& error) {
    const int line = std::clamp(error.mark.line + 1, 1, static_cast<int>(lines_.size()));
    const auto bracket = std::find_if(stack_.begin(), stack_.end(), [](const Frame& f) { return f.flow; });
    if (documents_ > 1) {
      return;  // whatever stands there: it is refused
    }
    if (bracket != stack_.end() && (bracket->node.line < line || error.msg.ends_with("flow not found"))) {
      // What was read between the brackets is a consequence.
      std::erase_if(faults_, [&](const Fault& f) { return f.line >= bracket->node.line; });
      fault(bracket->node.line, fmt::format("the '{}' of this line is not closed where it should be",
                                            bracket->node.kind == YamlSource::Kind::list ? '[' : '{'));
    } else if (misread_) {
      return;
    } else if (error.msg == "illegal map value" && goes_on_from_above(error.mark)) {
      fault(line - 1, "no ': ' ends a key in this line");
    } else {
      fault(line, explained(error.msg));
    }
  }

  [[nodiscard]] const std::vector<Fault>& faults() const { return faults_; }
  [[nodiscard]] int documents() const { return documents_; }
  [[nodiscard]] YamlSource take_root() { return std::move(root_); }

 private:
  /// A collection that is being read.
  struct Frame {
    YamlSource node;
    bool flow = false;
    std::string path;                    ///< Dotted: `nodes.workers[2]`.
    std::optional<YamlEntrySource> key;  ///< Of a mapping: the key whose value comes next.
    std::size_t key_place = 0;
  };

  static int line_of(const YAML::Mark& mark) { return mark.line + 1; }

  Frame* top() { return stack_.empty() ? nullptr : &stack_.back(); }

  void fault(int line, std::string message) { faults_.push_back({line, std::move(message)}); }
  /// The same of something that the parser takes for something else: what it says afterwards misleads.
  void misread(int line, std::string message) {
    misread_ = true;
    fault(line, std::move(message));
  }

  bool refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) {
      fault(line_of(mark), "anchors (&) are not read: put the text in quotes, or remove the anchor");
    }
    return anchor != 0;
  }

  /// yaml-cpp gives "?" to plain values and collections, "!" to quoted ones; anything else was written.
  bool refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    const bool written = (tag != "?" && tag != "!") || character_at(mark) == '!';
    if (written) {
      fault(line_of(mark), "tags (!) are not read: put the text in quotes, or remove the tag");
    }
    return written;
  }

  [[nodiscard]] char character_at(const YAML::Mark& mark) const {
    return character_at(static_cast<std::size_t>(mark.pos));
  }
  [[nodiscard]] char character_at(std::size_t place) const {
    return place < text_.size() ? text_[place] : '\0';
  }

  /// Whether a ':' stands between a key and the mark of its empty value.
  [[nodiscard]] bool has_colon(const Frame& frame, const YAML::Mark& mark) const {
    const char first = character_at(frame.key_place);
    const bool quoted = first == '"' || first == '\'';
    const std::size_t end =
        quoted ? closing_quote(text_, frame.key_place) + 1 : frame.key_place + frame.key->key.size();
    const auto place = static_cast<std::size_t>(mark.pos);
    return place > end && text_.substr(end, place - end).find(':') != std::string_view::npos;
  }

  /// Whether the ':' at the mark is the first of its line and the line above has none that ends a key: the
  /// parser then takes both lines for one key.
  [[nodiscard]] bool goes_on_from_above(const YAML::Mark& mark) const {
    const auto line = static_cast<std::size_t>(mark.line);
    if (line == 0 || line >= lines_.size()) {
      return false;
    }
    const std::string_view before = lines_[line].substr(0, static_cast<std::size_t>(mark.column));
    const std::string_view above = lines_[line - 1];
    return before.find(": ") == std::string_view::npos && !is_blank(above) &&
           above.find(": ") == std::string_view::npos && !above.ends_with(':');
  }

  /// Refuses a plain or quoted text that goes on in another line: nearly always something was forgotten.
  void check_extent(const YAML::Mark& mark, bool plain, const std::string& value) {
    const auto place = static_cast<std::size_t>(mark.pos);
    if (plain) {
      if (!text_.substr(place).starts_with(value)) {
        misread(line_of(mark),
                "this text goes on in the line below: mind the indentation there, or use quotes");
      }
      return;
    }
    const char first = character_at(mark);
    if (first != '"' && first != '\'') {
      return;  // a block
    }
    const std::size_t end = closing_quote(text_, place);
    if (end == std::string_view::npos) {
      misread(line_of(mark), fmt::format("the {} of this line is never closed", first));
    } else if (text_.substr(place, end - place).find('\n') != std::string_view::npos) {
      misread(line_of(mark), fmt::format("the {} of this line is not closed in it", first));
    }
  }

  /// Whether the mark's line, or one of blanks and comments above it, is a `---`.
  [[nodiscard]] bool starts_document(const YAML::Mark& mark) const {
    const std::size_t end = std::min(static_cast<std::size_t>(mark.line) + 1, lines_.size());
    for (std::size_t i = end; i > 0; --i) {
      const std::string_view line = lines_[i - 1];
      if (line.starts_with("---") || line.starts_with("...")) {
        return true;
      }
      if (i < end && !is_blank(line)) {
        return false;
      }
    }
    return false;
  }

  static bool is_blank(std::string_view line) {
    const std::size_t first = line.find_first_not_of(" \t");
    return first == std::string_view::npos || line[first] == '#';
  }

  /// The line of an empty item; the parser marks what follows it.
  [[nodiscard]] int line_of_bare_dash(int marked) const {
    for (int line = marked - 1; line > 0; --line) {
      std::string_view content = lines_[static_cast<std::size_t>(line - 1)];
      content = content.substr(0, content.find('#'));
      content = content.substr(0, content.find_last_not_of(" \t") + 1);
      if (!content.empty()) {
        return content.ends_with('-') ? line : marked;
      }
    }
    return marked;
  }

  void open(YamlSource::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    static_cast<void>(refuse_anchor(mark, anchor) || refuse_tag(mark, tag));
    Frame frame;
    frame.path = child_path();
    frame.node.kind = kind;
    frame.node.line = line_of(mark);
    frame.flow = style == YAML::EmitterStyle::Flow;
    stack_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    YAML::Mark mark;
    add(std::move(frame.node), mark);
  }

  [[nodiscard]] std::string child_path() const {
    if (stack_.empty()) {
      return {};
    }
    const Frame& frame = stack_.back();
    if (frame.node.kind == YamlSource::Kind::list) {
      return fmt::format("{}[{}]", frame.path, frame.node.items.size());
    }
    const std::string key = frame.key ? frame.key->key : std::string();
    return frame.path.empty() ? key : fmt::format("{}.{}", frame.path, key);
  }

  /// Puts a finished node where it belongs.
  void add(YamlSource node, const YAML::Mark& mark) {
    Frame* const frame = top();
    if (frame == nullptr) {
      if (documents_ == 1) {
        root_ = std::move(node);
      }
    } else if (frame->node.kind == YamlSource::Kind::list) {
      frame->node.items.push_back(std::move(node));
    } else if (!frame->key) {
      frame->key_place = static_cast<std::size_t>(mark.pos);
      frame->key = YamlEntrySource{node.text, node.line, {}};
      check_key(node);
    } else {
      frame->key->value = std::move(node);
      add_entry(*frame, *std::exchange(frame->key, std::nullopt));
    }
  }

  void check_key(const YamlSource& key) {
    const auto prefix = [&] { return child_path() + ": "; };
    if (key.kind != YamlSource::Kind::scalar) {
      fault(key.line, "a list or mapping stands where a key should be");
    } else if (key.text.empty()) {
      fault(key.line, "a key is missing here");
    } else if (key.plain && key.text == "<<") {
      fault(key.line, prefix() + "merge keys are not read: write the keys out");
    } else if (key.plain && read_yaml_1_2(key.text).kind != ScalarKind::text) {
      fault(key.line, fmt::format("{}without quotes this key is a number or a truth value: write \"{}\"",
                                  prefix(), key.text));
    } else if (const std::string trap = key.plain ? scalar_trap(key.text) : ""; !trap.empty()) {
      fault(key.line, fmt::format("{}{}: write \"{}\"", prefix(), trap, key.text));
    }
  }

  void add_entry(Frame& frame, YamlEntrySource entry) {
    const std::vector<YamlEntrySource>& entries = frame.node.entries;
    const auto first = std::find_if(entries.begin(), entries.end(),
                                    [&](const YamlEntrySource& e) { return e.key == entry.key; });
    if (first == entries.end()) {
      frame.node.entries.push_back(std::move(entry));
      return;
    }
    fault(entry.line, fmt::format("{}{}{}: stands here again, first in line {}: remove one", frame.path,
                                  frame.path.empty() ? "" : ".", entry.key, first->line));
  }

  std::string_view text_;
  const std::vector<std::string_view>& lines_;
  std::vector<Frame> stack_;
  std::vector<Fault> faults_;
  YamlSource root_;
  int documents_ = 0;
  bool misread_ = false;
};

}  // namespace

YamlSource read_yaml_source(const std::string& text, const std::string& name) {
  if (text.size() > kMostBytes) {
    throw UsageError(
        fmt::format("{}: has {} bytes, more than the {} that are read", name, text.size(), kMostBytes));
  }
  const std::string content = normalized(text);
  const std::vector<std::string_view> lines = lines_of(content);
  check_lines(lines, name);
  TreeBuilder tree(content, lines);
  try {
    std::istringstream stream(content);
    YAML::Parser parser(stream);
    // At a sign that begins nothing, the parser finds empty documents for ever: no more than two are read.
    while (tree.documents() < 2 && parser.HandleNextDocument(tree)) {
    }
  } catch (const YAML::Exception& error) {
    tree.fail(error);
  }
  if (!tree.faults().empty()) {
    refuse(tree.faults(), name);
  }
  if (tree.documents() == 0) {
    throw UsageError(fmt::format("{}:1: nothing stands in this file", name));
  }
  return tree.take_root();
}

}  // namespace kexp::manifest
