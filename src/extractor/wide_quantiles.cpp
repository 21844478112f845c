#include "wide_quantiles.hpp"

#include <cmath>
#include <limits>

namespace kexp::extractor {

double quantile_of(double q, std::span<const std::pair<double, double>> buckets) {
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  if (buckets.size() < 2 || !std::isinf(buckets.back().first) || !(buckets.back().second > 0)) {
    return kNothing;
  }
  const double rank = q * buckets.back().second;
  double lower = 0, below = 0;  // Of the bucket: its bound, and how many are under that.
  for (const auto& [upper, up_to] : buckets) {
    if (up_to >= rank && up_to > below) {
      if (std::isinf(upper)) {
        return lower;
      }
      if (lower == 0 && upper <= 0) {  // The first one, of values that may be negative.
        return upper;
      }
      return lower + (upper - lower) * (rank - below) / (up_to - below);
    }
    lower = upper;
    below = std::fmax(below, up_to);  // Scrapes that are torn may count fewer in a larger bucket.
  }
  return kNothing;
}

}  // namespace kexp::extractor
