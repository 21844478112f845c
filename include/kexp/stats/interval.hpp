#pragma once

#include <cstdint>

namespace kexp::stats {

/// A range that holds the true share with the asked confidence.
struct Interval {
  double low = 0, high = 1;
};

/// The exact (Clopper–Pearson) interval of a share of which `hits` of `trials` were seen.
///
/// It never claims more than the samples bear: with no miss in 459 its lower end at 98 % is 0.99, which is
/// how many a claim about the 99th percentile takes. Nothing is known of no trials: 0 to 1.
/// Requires: 0 <= hits <= trials, 0 < confidence < 1; otherwise std::logic_error.
/// Source: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934); by quantiles of the beta distribution.
[[nodiscard]] Interval clopper_pearson(std::int64_t hits, std::int64_t trials, double confidence = 0.95);

/// The regularized incomplete beta function I_x(a, b): the share of a beta distribution below x.
///
/// To about 1e-13, with a and b in the millions 1e-8. Requires: a > 0, b > 0, 0 <= x <= 1.
/// Source: its continued fraction, Abramowitz and Stegun 26.5.8, evaluated by Lentz's method.
[[nodiscard]] double incomplete_beta(double a, double b, double x);

}  // namespace kexp::stats
