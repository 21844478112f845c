#include "darknet_cfg.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/model_info.hpp"

namespace kexp::inference {

namespace {

std::string trimmed(const std::string& text) {
  constexpr const char* kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

template <typename Number>
bool parse(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

template <typename Number>
Number parsed(const std::string& text, const std::string& where, const std::string& key) {
  Number value{};
  if (!parse(text, value)) {
    throw ModelError(fmt::format("{}{} must be a number, got \"{}\"", where, key, text));
  }
  return value;
}

template <typename Number>
std::vector<Number> parsed_list(const std::string& text, const std::string& where, const std::string& key) {
  std::vector<Number> values;
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    values.push_back(parsed<Number>(trimmed(item), where, key));
  }
  return values;
}

}  // namespace

void CfgSection::add(std::string key, std::string value, int line) {
  entries_.push_back({std::move(key), std::move(value), line});
}

std::string CfgSection::where() const { return fmt::format("{}:{}: ", file_.string(), line_); }

std::string CfgSection::where(const std::string& key) const {
  const Entry* entry = find(key);
  return entry == nullptr ? where() : fmt::format("{}:{}: ", file_.string(), entry->line);
}

const CfgSection::Entry* CfgSection::find(const std::string& key) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries_.end() ? nullptr : &*found;
}

const CfgSection::Entry& CfgSection::require(const std::string& key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) {
    throw ModelError(fmt::format("{}[{}] has no \"{}\"", where(), type_, key));
  }
  return *entry;
}

int CfgSection::integer(const std::string& key, int least, int most) const {
  const int value = parsed<int>(require(key).value, where(key), key);
  if (value < least || value > most) {
    throw ModelError(fmt::format("{}{} must be from {} to {}, got {}", where(key), key, least, most, value));
  }
  return value;
}

int CfgSection::integer(const std::string& key, int fallback, int least, int most) const {
  return has(key) ? integer(key, least, most) : fallback;
}

double CfgSection::number(const std::string& key, double fallback) const {
  const Entry* entry = find(key);
  return entry == nullptr ? fallback : parsed<double>(entry->value, where(key), key);
}

std::string CfgSection::text(const std::string& key, const std::string& fallback) const {
  const Entry* entry = find(key);
  return entry == nullptr ? fallback : entry->value;
}

std::vector<int> CfgSection::integers(const std::string& key) const {
  return parsed_list<int>(require(key).value, where(key), key);
}

std::vector<double> CfgSection::numbers(const std::string& key) const {
  return parsed_list<double>(require(key).value, where(key), key);
}

std::vector<CfgSection> read_darknet_cfg(const std::filesystem::path& file) {
  std::istringstream lines(read_model_file(file));
  std::vector<CfgSection> sections;
  int number = 0;
  for (std::string raw; std::getline(lines, raw);) {
    ++number;
    const std::string line = trimmed(raw.substr(0, raw.find_first_of("#;")));
    if (line.empty()) {
      continue;
    }
    const std::size_t equals = line.find('=');
    if (line.front() == '[' && line.back() == ']') {
      sections.emplace_back(file, trimmed(line.substr(1, line.size() - 2)), number);
    } else if (!sections.empty() && equals != std::string::npos) {
      sections.back().add(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)), number);
    } else {
      throw ModelError(fmt::format("{}:{}: no Darknet cfg: wanted [layer] or key = value, got \"{}\"",
                                   file.string(), number, line.substr(0, 40)));
    }
  }
  if (sections.empty() || (sections[0].type() != "net" && sections[0].type() != "network")) {
    throw ModelError(fmt::format("{}: no Darknet cfg: it does not begin with [net]", file.string()));
  }
  return sections;
}

}  // namespace kexp::inference
