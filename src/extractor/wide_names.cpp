#include "wide_names.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

namespace kexp::extractor {

namespace {

/// What a person tells series apart by, before any other; and what says little, after all others.
constexpr std::array kFirst = {"pod",       "pod_name", "node",  "node_name", "container", "container_name",
                               "namespace", "zone",     "stage", "topic",     "partition"};
constexpr std::array kLast = {"job", "instance", "uid", "id", "pod_id", "container_id", "source"};

template <typename Names>
std::size_t place_in(const Names& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::vector<std::string> candidates(std::span<const prom::Labels> all) {
  std::set<std::string> names;
  for (const prom::Labels& labels : all) {
    for (const auto& [name, value] : labels) {
      names.insert(name);
    }
  }
  std::vector<std::string> sorted(names.begin(), names.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const std::string& a, const std::string& b) {
    const auto place = [](const std::string& name) {
      const std::size_t last = place_in(kLast, name);
      return std::pair(last == kLast.size() ? 0 : last + 1, place_in(kFirst, name));
    };
    return place(a) < place(b);
  });
  return sorted;
}

std::string value_of(const prom::Labels& labels, const std::string& name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

/// Adds the label that tells most of them apart until no label tells more.
std::vector<std::string> telling_labels(std::span<const prom::Labels> all) {
  const std::vector<std::string> names = candidates(all);
  std::vector<std::string> keys(all.size());
  std::vector<std::string> chosen;
  std::size_t groups = 1;
  while (groups < all.size()) {
    std::size_t most = groups;
    const std::string* best = nullptr;
    for (const std::string& name : names) {
      std::unordered_set<std::string> different;
      for (std::size_t i = 0; i < all.size(); ++i) {
        different.insert(keys[i] + value_of(all[i], name));
      }
      if (different.size() > most) {
        most = different.size();
        best = &name;
      }
    }
    if (best == nullptr) {
      break;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      keys[i] += value_of(all[i], *best);
      keys[i] += '\0';
    }
    chosen.push_back(*best);
    groups = most;
  }
  return chosen;
}

}  // namespace

std::vector<std::string> short_names(std::span<const prom::Labels> all) {
  const std::vector<std::string> chosen = telling_labels(all);
  std::vector<std::string> names;
  for (const prom::Labels& labels : all) {
    std::vector<std::string> parts;
    for (const std::string& name : chosen) {
      if (const std::string value = value_of(labels, name); !value.empty()) {
        parts.push_back(fmt::format("{}={}", name, value));
      }
    }
    names.push_back(chosen.empty() ? std::string() : fmt::format("{{{}}}", fmt::join(parts, ",")));
  }
  return names;
}

}  // namespace kexp::extractor
