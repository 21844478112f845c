#pragma once

#include <filesystem>
#include <vector>

#include "kexp/core/json.hpp"
#include "kexp/cycle/plan.hpp"

#include "send_log.hpp"

namespace kexp::feeder {

/// Writes feed.csv (a row a segment) and seconds.csv (a row a second), planned beside done, into `directory`.
void write_feed_tables(const std::filesystem::path& directory, const cycle::Plan& plan,
                       const std::vector<SendState>& states);

/// How true the sending was: percentiles of lateness (sent − intended) and delivery (acknowledged − intended)
/// in ms, fractions of late images, and the segments whose bytes were off.
///
/// A segment is off when the bytes sent within it differ from its target by more than both 1 % of the target
/// and two of the largest images: less than that is quantisation by whole images.
[[nodiscard]] Json summarize(const cycle::Plan& plan, const std::vector<SendState>& states);

}  // namespace kexp::feeder
