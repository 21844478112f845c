#pragma once

/// Whether a series follows another one, and how much later: rank correlation over lags, with a p-value that
/// holds for series that remember their past.
///
/// Two series that wander for themselves correlate by chance, and the more so the slower they wander; the
/// best of many lags does it even more. So the p-value is not that of the correlation as it stands:
///
/// 1. Both series become ranks: what is monotone counts, how it is curved does not.
/// 2. What the best lag leaves unexplained is described as an autoregression, and both are filtered by it. A
///    random walk becomes its steps, noise stays as it is (Cochrane and Orcutt).
/// 3. The statistic is the largest |rho| over all lags of the filtered series, ranked again, so that a single
///    jump does not decide; lags wrap around.
/// 4. Under the null hypothesis the driver is turned round by more than the largest lag, many times, against
///    the response without what the best lag explains of it, beyond what chance would (Freedman and Lane; ter
///    Braak); each turn has its largest |rho| over as many lags. So a load that repeats daily, which a turn
///    by a day leaves as it is, is no obstacle.
/// 5. p is the share of turns that reach the statistic, where any does, or the tail of a normal process with
///    the spread of the turns and the smoothness of the driver (Rice), whichever is larger.
/// 6. The filter of step 2 makes chance look smaller where the driver is slow: the best lag takes a part of
///    what the response remembers with it. So the tail is that of the likelihood ratio, where that is larger:
///    how much better the response is described with the driver than by an autoregression of its own.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kexp::stats {

struct LagTestOptions {
  std::size_t max_lag = 60;  ///< In points.
  std::size_t turns = 199;   ///< For the null hypothesis.
  std::uint64_t seed = 1;    ///< Of the turns; the same seed gives the same p-values everywhere.
};

struct LagResult {
  double rho = 0;           ///< Spearman's rank correlation at `lag`, of the series as they are.
  std::size_t lag = 0;      ///< How many points the response is behind the driver, by the statistic.
  double filtered_rho = 0;  ///< The statistic.
  double p = 1;
};

/// One driver, many responses. Threads: any, after it was made.
class LagTest {
 public:
  /// `driver` has a value a point, and more than one. Requires: at least 4 * max_lag + 32 points;
  /// otherwise std::logic_error.
  LagTest(std::span<const double> driver, const LagTestOptions& options);

  /// `response` has a value at each point of the driver. A constant one has p = 1.
  /// Cost: about two times points² multiplications.
  [[nodiscard]] LagResult test(std::span<const double> response) const;

 private:
  const LagTestOptions options_;
  std::vector<double> driver_;  ///< Ranks around 0, of length 1.
  std::vector<std::size_t> turns_;
};

/// Ranks from 1; equal values share the mean of theirs.
[[nodiscard]] std::vector<double> ranks(std::span<const double> values);

}  // namespace kexp::stats
