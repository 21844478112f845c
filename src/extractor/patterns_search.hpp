#pragma once

#include <stop_token>
#include <vector>

#include "kexp/extractor/patterns.hpp"
#include "kexp/stats/lag_test.hpp"

#include "dataset_reader.hpp"
#include "patterns_load.hpp"

namespace kexp::extractor {

/// Looks at every series of the dataset, and at the means of its histograms and summaries, on as many threads
/// as CPUs may be used; in any order. What was looked at is `not_shown`, whatever its p.
///
/// Memory: a thread has one series, or the counts of one metric's histograms at the points of the load.
/// Errors: FailedError naming a file; InterruptedError on a stop.
[[nodiscard]] std::vector<Pattern> look_at_all(const DatasetReader& dataset, const Load& load,
                                               const stats::LagTest& test, const std::stop_token& stop);

}  // namespace kexp::extractor
