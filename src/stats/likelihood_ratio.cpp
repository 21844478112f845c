#include "likelihood_ratio.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <vector>

namespace kexp::stats {

namespace {

constexpr std::size_t kOrder = 8;
constexpr int kMostTurns = 12;  // Of fitting the multiple and the autoregression.
constexpr double kStandstill = 1e-6;

/// Least squares of `target` on `columns` and a constant.
struct Fit {
  std::vector<double> coefficients;  ///< Of the columns.
  double left = 0;                   ///< The sum of what is left, squared.
};

std::vector<double> centred(std::span<const double> values) {
  const double mean = std::reduce(values.begin(), values.end()) / static_cast<double>(values.size());
  std::vector<double> result(values.begin(), values.end());
  std::for_each(result.begin(), result.end(), [mean](double& value) { value -= mean; });
  return result;
}

double product(const std::vector<double>& a, const std::vector<double>& b) {
  return std::transform_reduce(a.begin(), a.end(), b.begin(), 0.0);
}

/// By Cholesky's decomposition of the normal equations.
Fit least_squares(const std::vector<std::span<const double>>& columns, std::span<const double> target) {
  const std::size_t count = columns.size();
  std::vector<std::vector<double>> centred_columns;
  std::transform(columns.begin(), columns.end(), std::back_inserter(centred_columns), centred);
  const std::vector<double> y = centred(target);
  std::vector<std::vector<double>> root(count, std::vector<double>(count));
  Fit fit{std::vector<double>(count), product(y, y)};
  std::vector<double>& solved = fit.coefficients;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double rest = product(centred_columns[i], centred_columns[j]);
      rest *= i == j ? 1 + 1e-10 : 1;  // Columns that say the same share it.
      for (std::size_t k = 0; k < j; ++k) {
        rest -= root[i][k] * root[j][k];
      }
      root[i][j] = i == j ? std::sqrt(std::max(rest, 1e-300)) : rest / root[j][j];
    }
    solved[i] = product(centred_columns[i], y);
    for (std::size_t k = 0; k < i; ++k) {
      solved[i] -= root[i][k] * solved[k];
    }
    solved[i] /= root[i][i];
    fit.left -= solved[i] * solved[i];
  }
  for (std::size_t i = count; i-- > 0;) {
    for (std::size_t k = i + 1; k < count; ++k) {
      solved[i] -= root[k][i] * solved[k];
    }
    solved[i] /= root[i][i];
  }
  return fit;
}

/// `values` without the first kOrder of them, on those before each.
Fit autoregression_of(std::span<const double> values) {
  std::vector<std::span<const double>> before;
  for (std::size_t back = 1; back <= kOrder; ++back) {
    before.push_back(values.subspan(kOrder - back, values.size() - kOrder));
  }
  return least_squares(before, values.subspan(kOrder));
}

std::vector<double> filtered_by(std::span<const double> values, const std::vector<double>& coefficients) {
  std::vector<double> result(values.begin() + kOrder, values.end());
  for (std::size_t t = 0; t < result.size(); ++t) {
    for (std::size_t i = 0; i < kOrder; ++i) {
      result[t] -= coefficients[i] * values[t + kOrder - 1 - i];
    }
  }
  return result;
}

/// The least that autoregression and a multiple of x leave of y, from this multiple on.
double least_left(std::span<const double> x, std::span<const double> y, double multiple) {
  double least = HUGE_VAL;
  std::vector<double> rest(y.size());
  for (int turn = 0; turn < kMostTurns; ++turn) {
    std::transform(y.begin(), y.end(), x.begin(), rest.begin(),
                   [multiple](double value, double load) { return value - multiple * load; });
    const Fit fit = autoregression_of(rest);
    if (fit.left > least * (1 - kStandstill)) {
      return std::min(least, fit.left);
    }
    least = fit.left;
    const std::vector<double> filtered_x = filtered_by(x, fit.coefficients);
    multiple = least_squares({filtered_x}, filtered_by(y, fit.coefficients)).coefficients.front();
  }
  return least;
}

}  // namespace

double likelihood_ratio_deviations(std::span<const double> x, std::span<const double> y, std::size_t lag) {
  const std::span<const double> driver = x.first(x.size() - lag);
  const std::span<const double> response = y.subspan(lag);
  const double alone = autoregression_of(response).left;
  // Both ends of the way, since it may lead to two places.
  const double multiple = least_squares({driver}, response).coefficients.front();
  const double together = std::min(least_left(driver, response, 0), least_left(driver, response, multiple));
  const double free = static_cast<double>(response.size()) - 2 * kOrder - 2;
  const double ratio = std::max(alone, 1e-300) / std::max(together, 1e-300);
  return std::sqrt(std::max(0.0, free * std::log(ratio)));
}

}  // namespace kexp::stats
