#pragma once

#include <cstddef>
#include <span>

namespace kexp::stats {

/// How many standard deviations it would take chance to make y follow x as well as it does `lag` points
/// later, if y were an autoregression of its own: the root of the likelihood ratio of the two.
///
/// One autoregression of order 8 describes y alone, another one what a multiple of x leaves of it; both are
/// fitted by least squares to the same points, the second one by turns with the multiple (Cochrane and
/// Orcutt). Requires: x and y are of one size, of 32 points more than the lag at least.
[[nodiscard]] double likelihood_ratio_deviations(std::span<const double> x, std::span<const double> y,
                                                 std::size_t lag);

}  // namespace kexp::stats
