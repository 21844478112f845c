#include "kexp/stats/interval.hpp"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace kexp::stats {

namespace {

// The n-th coefficient d_n of 1 + d_1 / (1 + d_2 / (1 + …)), n >= 1.
double coefficient(int n, double a, double b, double x) {
  const double m = n / 2;
  return n % 2 == 0 ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                    : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
}

// The continued fraction of I_x(a, b), which converges quickly for x < (a + 1) / (a + b + 2): in about the
// square root of the larger of a and b steps.
double continued_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr int kMostSteps = 100'000;
  const auto not_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double numerator = 1;
  double denominator = 0;
  double fraction = 1;
  for (int n = 1; n <= kMostSteps; ++n) {
    const double d = coefficient(n, a, b, x);
    denominator = 1 / not_zero(1 + d * denominator);
    numerator = not_zero(1 + d / numerator);
    const double step = numerator * denominator;
    fraction *= step;
    if (std::abs(step - 1) < 1e-15) {
      break;
    }
  }
  return 1 / fraction;
}

// lgamma() writes a global, which threads would share.
double log_gamma(double x) {
  int sign = 0;
  return lgamma_r(x, &sign);
}

// The x below which `share` of a beta distribution lies: I_x(a, b) only grows.
double beta_quantile(double a, double b, double share) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 100 && high - low > 1e-15 * high; ++i) {
    const double middle = low + (high - low) / 2;
    (incomplete_beta(a, b, middle) < share ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (x <= 0 || x >= 1) {
    return x <= 0 ? 0 : 1;
  }
  const double factor =
      std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? factor / a * continued_fraction(a, b, x)
                                   : 1 - factor / b * continued_fraction(b, a, 1 - x);
}

Interval clopper_pearson(std::int64_t hits, std::int64_t trials, double confidence) {
  if (hits < 0 || hits > trials || !(confidence > 0 && confidence < 1)) {
    throw std::logic_error(fmt::format("no share: {} of {} at {}", hits, trials, confidence));
  }
  const double outside = (1 - confidence) / 2;
  const auto k = static_cast<double>(hits);
  const auto n = static_cast<double>(trials);
  return {.low = hits == 0 ? 0 : beta_quantile(k, n - k + 1, outside),
          .high = hits == trials ? 1 : beta_quantile(k + 1, n - k, 1 - outside)};
}

}  // namespace kexp::stats
