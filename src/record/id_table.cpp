#include "kexp/record/id_table.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace kexp::record {

namespace {

// Numbers up to here are kept by position, so a stray large one costs 64 MB at the most.
constexpr std::uint64_t kNumbers = std::uint64_t{1} << 26;

// The number that `id` is the decimal text of: "7", not "07", which is another id.
std::optional<std::size_t> small_number(std::string_view id) {
  if (id.empty() || id.size() > 8 || (id.front() == '0' && id.size() > 1)) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : id) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value < kNumbers ? std::optional<std::size_t>(value) : std::nullopt;
}

}  // namespace

std::uint8_t& IdTable::operator[](std::string_view id) {
  if (const auto number = small_number(id)) {
    if (*number >= numbers_.size()) {
      numbers_.resize(*number + 1);
    }
    return numbers_[*number];
  }
  const auto found = others_.find(id);
  return found != others_.end() ? found->second : others_[std::string(id)];
}

std::uint8_t IdTable::flags(std::string_view id) const {
  if (const auto number = small_number(id)) {
    return *number < numbers_.size() ? numbers_[*number] : std::uint8_t{0};
  }
  const auto found = others_.find(id);
  return found != others_.end() ? found->second : std::uint8_t{0};
}

std::uint8_t IdTable::flags(std::uint64_t number) const {
  if (number < numbers_.size()) {
    return numbers_[static_cast<std::size_t>(number)];
  }
  return number < kNumbers ? std::uint8_t{0} : flags(fmt::format("{}", number));
}

void IdTable::for_each(const std::function<void(const std::string&, std::uint8_t)>& visit) const {
  for (std::size_t number = 0; number < numbers_.size(); ++number) {
    if (numbers_[number] != 0) {
      visit(fmt::format("{}", number), numbers_[number]);
    }
  }
  std::vector<const std::string*> names;
  for (const auto& [name, flags] : others_) {
    if (flags != 0) {
      names.push_back(&name);
    }
  }
  std::sort(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a < *b; });
  for (const std::string* name : names) {
    visit(*name, others_.find(*name)->second);
  }
}

}  // namespace kexp::record
