#include "autoregression.hpp"

namespace kexp::stats {

std::vector<double> autoregression(std::span<const double> values, std::size_t order) {
  std::vector<double> coefficients;
  std::vector<double> forward(values.begin(), values.end());
  std::vector<double> backward = forward;
  for (std::size_t m = 0; m < order; ++m) {
    double both = 0, power = 0;
    for (std::size_t t = m + 1; t < values.size(); ++t) {
      both += forward[t] * backward[t - 1];
      power += forward[t] * forward[t] + backward[t - 1] * backward[t - 1];
    }
    const double reflection = power > 0 ? 2 * both / power : 0;
    const std::vector<double> before = coefficients;
    for (std::size_t i = 0; i < m; ++i) {
      coefficients[i] -= reflection * before[m - 1 - i];
    }
    coefficients.push_back(reflection);
    for (std::size_t t = values.size() - 1; t > m; --t) {
      const double f = forward[t];
      forward[t] = f - reflection * backward[t - 1];
      backward[t] = backward[t - 1] - reflection * f;
    }
  }
  return coefficients;
}

std::vector<double> filtered(std::span<const double> values, std::span<const double> coefficients) {
  std::vector<double> left;
  left.reserve(values.size() - coefficients.size());
  for (std::size_t t = coefficients.size(); t < values.size(); ++t) {
    double value = values[t];
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
      value -= coefficients[i] * values[t - 1 - i];
    }
    left.push_back(value);
  }
  return left;
}

}  // namespace kexp::stats
