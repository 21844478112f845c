#include "render/parts.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "scripts.hpp"

namespace kexp::manifest {
namespace {

/// What no POSIX shell gives a meaning to, wherever in a word it stands.
constexpr std::string_view kPlainCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-";

}  // namespace

RenderedFile yaml_file(std::string path, std::string head, const std::vector<YamlDocument>& documents) {
  const std::string comment = comment_lines(head);
  return {std::move(path), comment + (comment.empty() ? "" : "\n") + write_yaml(documents)};
}

RenderedFile script_file(const std::string& folder, const std::string& name) {
  return {fmt::format("{}/{}", folder, name), std::string(script(name)), RenderedFile::Mode::script};
}

RenderedFile env_file(std::string path, const std::string& head, const std::vector<Setting>& settings) {
  std::string text = comment_lines(head);
  for (const Setting& setting : settings) {
    if (!setting.comment.empty()) {
      text += "\n" + comment_lines(setting.comment);
    }
    text += fmt::format("{}={}\n", setting.name, shell_quote(setting.value));
  }
  return {std::move(path), std::move(text)};
}

std::string shell_quote(std::string_view text) {
  if (!text.empty() && text.find_first_not_of(kPlainCharacters) == std::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

std::string comment_lines(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    lines += line.empty() ? "#\n" : fmt::format("# {}\n", line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string scrape_timeout(Seconds interval) {
  return interval <= Seconds{1} ? "900ms" : to_text(interval - Seconds{1});
}

}  // namespace kexp::manifest
