#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kexp::stats {

/// Coefficients a of the autoregression v[t] = a[0] v[t-1] + a[1] v[t-2] + … that fits `values` best, by
/// Burg's method: stable, and little biased for a random walk. All 0 where the values are constant.
[[nodiscard]] std::vector<double> autoregression(std::span<const double> values, std::size_t order);

/// What an autoregression leaves of `values`: as many fewer as it has coefficients.
[[nodiscard]] std::vector<double> filtered(std::span<const double> values,
                                           std::span<const double> coefficients);

}  // namespace kexp::stats
