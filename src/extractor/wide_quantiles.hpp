#pragma once

#include <span>
#include <utility>

namespace kexp::extractor {

/// The quantile `q` of a histogram whose buckets are {upper bound, how many up to it}, by the bounds; the
/// last one is +Inf. Even within a bucket, and from 0 in the first one, as Prometheus' histogram_quantile; in
/// the last one its lower bound. NaN where nothing was counted.
[[nodiscard]] double quantile_of(double q, std::span<const std::pair<double, double>> buckets);

}  // namespace kexp::extractor
