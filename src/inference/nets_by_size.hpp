#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "kexp/core/units.hpp"

namespace kexp::inference {

/// Networks that run at one size each: the few used last, for cameras that stand upright beside others.
template <typename Net>
class NetsBySize {
 public:
  /// The network for a size, made by `load` when it is not there.
  template <typename Load>
  [[nodiscard]] Net& get(Size2 size, Load load) {
    const auto found = find(size);
    if (found != nets_.end()) {
      std::rotate(nets_.begin(), found, found + 1);
    } else {
      Net net = load();  // before one is given up for it: it may fail
      if (nets_.size() == kMost) {
        nets_.pop_back();
      }
      nets_.emplace(nets_.begin(), size, std::move(net));
    }
    return nets_.front().second;
  }

  /// Whether a network for `size` would take another one's place.
  [[nodiscard]] bool is_full_without(Size2 size) {
    return nets_.size() == kMost && find(size) == nets_.end();
  }

  /// The one used last; nullptr before the first.
  [[nodiscard]] Net* last() { return nets_.empty() ? nullptr : &nets_.front().second; }

 private:
  static constexpr std::size_t kMost = 3;

  auto find(Size2 size) {
    return std::find_if(nets_.begin(), nets_.end(), [&](const auto& entry) { return entry.first == size; });
  }

  std::vector<std::pair<Size2, Net>> nets_;  ///< The one used last comes first.
};

}  // namespace kexp::inference
