#pragma once

#include <span>
#include <vector>

namespace kexp::stats {

/// The q-value of each p-value: the least share of false discoveries at which its test counts as a discovery.
///
/// Of the tests with q <= 0.05, at most 5 % are expected to be false, however many are done.
/// Requires: 0 <= p <= 1. Source: Benjamini and Hochberg, "Controlling the false discovery rate", 1995.
[[nodiscard]] std::vector<double> false_discovery_rates(std::span<const double> p_values);

}  // namespace kexp::stats
