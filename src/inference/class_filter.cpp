#include "class_filter.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/nearest.hpp"

namespace kexp::inference {

namespace {

std::optional<std::size_t> number(const std::string& text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

int id_of(const std::string& wanted, const std::vector<std::string>& labels, const std::string& model) {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (const auto label = std::find(labels.begin(), labels.end(), wanted); label != labels.end()) {
    return static_cast<int>(label - labels.begin());
  }
  const std::optional<std::size_t> id = number(wanted);
  if (id && *id < (labels.empty() ? kMost : labels.size())) {
    return static_cast<int>(*id);
  }
  if (labels.empty()) {
    throw UsageError(
        fmt::format("--classes: {} names no classes, only ids can be given, got \"{}\"", model, wanted));
  }
  throw UsageError(fmt::format("--classes: {} has no class \"{}\"{}; its classes are 0 ({}) to {} ({})",
                               model, wanted, suggestion(wanted, labels), labels.front(), labels.size() - 1,
                               labels.back()));
}

}  // namespace

ClassFilter::ClassFilter(const std::vector<std::string>& wanted, const std::vector<std::string>& labels,
                         const std::string& model) {
  for (const std::string& one : wanted) {
    ids_.push_back(id_of(one, labels, model));
  }
  std::sort(ids_.begin(), ids_.end());
}

void ClassFilter::apply(std::vector<Candidate>& candidates) const {
  if (!ids_.empty()) {
    std::erase_if(candidates, [this](const Candidate& candidate) {
      return !std::binary_search(ids_.begin(), ids_.end(), candidate.class_id);
    });
  }
}

}  // namespace kexp::inference
