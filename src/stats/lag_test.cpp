#include "kexp/stats/lag_test.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "kexp/core/random.hpp"

#include "autoregression.hpp"
#include "likelihood_ratio.hpp"

namespace kexp::stats {

namespace {

/// Enough for a walk with noise on it, and for what a scrape interval beside the step leaves.
constexpr std::size_t kOrder = 4;
constexpr double kLargeP = 0.2;  // That shows nothing, however it is reckoned.

double dot(const double* a, const double* b, std::size_t count) {
  double sums[4] = {};  // Four at a time: one sum would wait for itself.
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (std::size_t k = 0; k < 4; ++k) {
      sums[k] += a[i + k] * b[i + k];
    }
  }
  for (; i < count; ++i) {
    sums[0] += a[i] * b[i];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

/// Ranks with mean 0 and length 1; all 0 for constant values.
std::vector<double> unit_ranks(std::span<const double> values) {
  std::vector<double> unit = ranks(values);
  const double mean = (static_cast<double>(values.size()) + 1) / 2;
  for (double& rank : unit) {
    rank -= mean;
  }
  const double length = std::sqrt(dot(unit.data(), unit.data(), unit.size()));
  for (double& rank : unit) {
    rank = length > 0 ? rank / length : 0;
  }
  return unit;
}

bool is_zero(const std::vector<double>& unit) {
  return std::all_of(unit.begin(), unit.end(), [](double value) { return value == 0; });
}

/// Sums of the first values, for sums of any stretch.
class RunningSums {
 public:
  explicit RunningSums(const std::vector<double>& values) : sums_(values.size() + 1), squares_(sums_) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      sums_[i + 1] = sums_[i] + values[i];
      squares_[i + 1] = squares_[i] + values[i] * values[i];
    }
  }
  [[nodiscard]] double sum(std::size_t from, std::size_t to) const { return sums_[to] - sums_[from]; }
  /// Of squared differences from the mean.
  [[nodiscard]] double spread(std::size_t from, std::size_t to) const {
    const double total = sum(from, to);
    return squares_[to] - squares_[from] - total * total / static_cast<double>(to - from);
  }

 private:
  std::vector<double> sums_, squares_;
};

/// Correlation and regression of y[t + lag] on x[t].
class LaggedFit {
 public:
  LaggedFit(const std::vector<double>& x, const std::vector<double>& y)
      : x_(x), y_(y), x_sums_(x), y_sums_(y) {}

  [[nodiscard]] double correlation(std::size_t lag) const {
    const std::size_t pairs = x_.size() - lag;
    const double spread = x_sums_.spread(0, pairs) * y_sums_.spread(lag, y_.size());
    return spread > 1e-24 ? covariance(lag) / std::sqrt(spread) : 0;
  }
  [[nodiscard]] double slope(std::size_t lag) const {
    const double spread = x_sums_.spread(0, x_.size() - lag);
    return spread > 1e-12 ? covariance(lag) / spread : 0;
  }

 private:
  [[nodiscard]] double covariance(std::size_t lag) const {
    const std::size_t pairs = x_.size() - lag;
    return dot(x_.data(), y_.data() + lag, pairs) -
           x_sums_.sum(0, pairs) * y_sums_.sum(lag, y_.size()) / static_cast<double>(pairs);
  }

  const std::vector<double>&x_, &y_;
  const RunningSums x_sums_, y_sums_;
};

/// What the best lag leaves of y unexplained, as an autoregression.
std::vector<double> describe_rest(const std::vector<double>& x, const std::vector<double>& y,
                                  const LaggedFit& fit, std::size_t max_lag) {
  std::size_t best = 0;
  double highest = 0;
  for (std::size_t lag = 0; lag <= max_lag; ++lag) {
    if (const double size = std::abs(fit.correlation(lag)); size > highest) {
      highest = size;
      best = lag;
    }
  }
  const double slope = fit.slope(best);
  std::vector<double> rest(x.size() - best);
  double mean = 0;
  for (std::size_t t = 0; t < rest.size(); ++t) {
    rest[t] = y[t + best] - slope * x[t];
    mean += rest[t] / static_cast<double>(rest.size());
  }
  for (double& value : rest) {
    value -= mean;
  }
  return autoregression(rest, kOrder);
}

std::vector<double> twice(const std::vector<double>& values) {
  std::vector<double> doubled = values;
  doubled.insert(doubled.end(), values.begin(), values.end());
  return doubled;
}

/// For every lag the sum of x[t] * y[t + lag], wrapped around.
std::vector<double> circular_products(const std::vector<double>& x, const std::vector<double>& y) {
  const std::size_t count = x.size();
  const std::vector<double> y_twice = twice(y);
  std::vector<double> products(count);
  double* const out = products.data();
  std::size_t t = 0;
  for (; t + 4 <= count; t += 4) {  // Lag by lag within, so that the compiler takes several at once.
    const double x0 = x[t], x1 = x[t + 1], x2 = x[t + 2], x3 = x[t + 3];
    const double* const in = y_twice.data() + t;
    for (std::size_t lag = 0; lag < count; ++lag) {
      out[lag] += x0 * in[lag] + x1 * in[lag + 1] + x2 * in[lag + 2] + x3 * in[lag + 3];
    }
  }
  for (; t < count; ++t) {
    for (std::size_t lag = 0; lag < count; ++lag) {
      out[lag] += x[t] * y_twice[t + lag];
    }
  }
  return products;
}

/// What is left of y where x explains it with `rho` at `lag`, of length 1.
std::vector<double> unexplained(const std::vector<double>& x, const std::vector<double>& y, std::size_t lag,
                                double rho) {
  const std::size_t count = y.size();
  const double length = std::sqrt(std::max(1 - rho * rho, 1e-12));
  std::vector<double> rest(count);
  for (std::size_t t = 0; t < count; ++t) {
    rest[(t + lag) % count] = (y[(t + lag) % count] - rho * x[t]) / length;
  }
  return rest;
}

/// The largest |rho| under the null hypothesis, and how single lags spread.
struct Null {
  std::vector<double> largest;  ///< In order.
  double spread = 0;
};

/// `products` has the correlation at every lag, wrapped around.
Null turn(const std::vector<double>& products, std::size_t max_lag, const std::vector<std::size_t>& turns) {
  Null null;
  for (const std::size_t start : turns) {
    double largest = 0;
    for (std::size_t lag = 0; lag <= max_lag; ++lag) {
      largest = std::max(largest, std::abs(products[start + lag]));
    }
    null.largest.push_back(largest);
  }
  std::sort(null.largest.begin(), null.largest.end());
  const std::size_t first = max_lag + 1;
  const std::size_t lags = products.size() - first;
  const double squares = dot(products.data() + first, products.data() + first, lags);
  // Not below that of noise: where all is explained, nothing spreads.
  null.spread = std::max(std::sqrt(squares / static_cast<double>(lags)),
                         1 / std::sqrt(static_cast<double>(products.size())));
  return null;
}

/// Correlations with y, of which the best lag's part is taken out as far as chance would not give it.
///
/// All of it taken out, chance itself would look smaller than it is; nothing of it, a load that repeats would
/// look like chance.
std::vector<double> null_products(const std::vector<double>& x, const std::vector<double>& y, std::size_t lag,
                                  double rho, const LagTestOptions& options,
                                  const std::vector<std::size_t>& turns) {
  std::vector<double> products = circular_products(x, unexplained(x, y, lag, rho));
  const std::vector<double> largest = turn(products, options.max_lag, turns).largest;
  const double by_chance = largest[largest.size() * 95 / 100];
  const double left = std::abs(rho) > by_chance ? by_chance * by_chance / rho : rho;
  const double rest = std::sqrt(std::max(1 - rho * rho, 1e-12));
  const double length = std::hypot(rest, left);
  const std::vector<double> own = circular_products(x, x);
  const std::size_t count = products.size();
  for (std::size_t i = 0; i < count; ++i) {
    products[i] = (rest * products[i] + left * own[(i + count - lag) % count]) / length;
  }
  return products;
}

/// How many standard deviations a correlation is from 0 where chance gives it this spread. Near 1 more than
/// rho / spread: the fewer values are independent, the more a correlation of 0.99 says beside one of 0.9.
double deviations(double rho, double spread) {
  const double independent = std::max(1 / (spread * spread) - 2, 1.0);
  return std::sqrt(-independent * std::log1p(-std::min(rho * rho, 1 - 1e-12)));
}

/// The chance that the largest of all lags is `z` deviations from 0: by the rate at which a smooth process
/// crosses a level (Rice), whose neighbours correlate by `next`; at most that of as many lags that do not.
double tail_of_largest(double z, std::size_t max_lag, double next) {
  const double one = std::erfc(z / std::numbers::sqrt2);
  const auto lags = static_cast<double>(max_lag);
  const double crossings =
      lags / std::numbers::pi * std::sqrt(std::max(2 * (1 - next), 0.0)) * std::exp(-z * z / 2);
  return std::min({one + crossings, one * (lags + 1), 1.0});
}

/// The share of turns that reach the statistic; 0 where none does.
double share_of_turns(double statistic, const Null& null) {
  const auto reached = std::lower_bound(null.largest.begin(), null.largest.end(), statistic);
  const auto count = static_cast<double>(null.largest.end() - reached);
  return count > 0 ? (1 + count) / (1 + static_cast<double>(null.largest.size())) : 0;
}

}  // namespace

std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) {
      ++end;
    }
    const double shared = (static_cast<double>(first + end) + 1) / 2;
    for (; first < end; ++first) {
      result[order[first]] = shared;
    }
  }
  return result;
}

LagTest::LagTest(std::span<const double> driver, const LagTestOptions& options)
    : options_(options), driver_(unit_ranks(driver)) {
  if (driver.size() < 4 * options.max_lag + 32 || is_zero(driver_) || options.turns == 0) {
    throw std::logic_error("a lag test needs more points than four times its lags, and a driver that moves");
  }
  const std::size_t first = options.max_lag + 1;  // A smaller turn would still have lags of the test itself.
  const std::size_t end = driver.size() - kOrder - options.max_lag;
  SplitMix64 random(options.seed);
  for (std::size_t i = 0; i < options.turns; ++i) {
    turns_.push_back(first + random.below(end - first));
  }
}

LagResult LagTest::test(std::span<const double> response) const {
  const std::vector<double> ranked = unit_ranks(response);
  if (response.size() != driver_.size()) {
    throw std::logic_error("a response has a value at each point of the driver");
  }
  if (is_zero(ranked)) {
    return {};
  }
  const LaggedFit fit(driver_, ranked);
  const std::vector<double> coefficients = describe_rest(driver_, ranked, fit, options_.max_lag);
  const std::vector<double> x = unit_ranks(filtered(driver_, coefficients));
  const std::vector<double> y = unit_ranks(filtered(ranked, coefficients));
  LagResult result;
  const std::vector<double> y_twice = twice(y);
  for (std::size_t lag = 0; lag <= options_.max_lag; ++lag) {
    const double rho = dot(x.data(), y_twice.data() + lag, x.size());
    if (std::abs(rho) > std::abs(result.filtered_rho)) {
      result.filtered_rho = rho;
      result.lag = lag;
    }
  }
  result.rho = fit.correlation(result.lag);
  const Null null =
      turn(null_products(x, y, result.lag, result.filtered_rho, options_, turns_), options_.max_lag, turns_);
  const double statistic = std::abs(result.filtered_rho);
  const double next = dot(x.data(), x.data() + 1, x.size() - 1);
  const auto tail = [&](double z) { return tail_of_largest(z, options_.max_lag, next); };
  result.p = std::max(share_of_turns(statistic, null), tail(deviations(statistic, null.spread)));
  if (result.p < kLargeP) {
    result.p = std::max(result.p, tail(likelihood_ratio_deviations(driver_, ranked, result.lag)));
  }
  return result;
}

}  // namespace kexp::stats
