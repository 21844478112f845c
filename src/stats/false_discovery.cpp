#include "kexp/stats/false_discovery.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace kexp::stats {

std::vector<double> false_discovery_rates(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  const auto tests = static_cast<double>(p_values.size());
  std::vector<double> rates(p_values.size());
  double least = 1;
  for (std::size_t rank = order.size(); rank > 0; --rank) {  // From the largest p: rates do not fall with p.
    const std::size_t test = order[rank - 1];
    least = std::min(least, p_values[test] * tests / static_cast<double>(rank));
    rates[test] = least;
  }
  return rates;
}

}  // namespace kexp::stats
