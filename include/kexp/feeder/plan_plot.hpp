#pragma once

/// A plan as people look at it before a run: a plot for the terminal, and what they should know.

#include <string>
#include <vector>

#include "kexp/cycle/plan.hpp"

namespace kexp::feeder {

struct PlotSize {
  int columns = 72;  ///< Of text, the labels among them; at least 32.
  int rows = 12;     ///< Of the bars; the time axis takes two more.
};

/// The planned MB/s over the run as bars (UTF-8), with a rate axis on which '+' is the average, and a time
/// axis. Lines end with '\n' and not with blanks. Empty for a burst, which is due at once, and for a plan
/// without images.
[[nodiscard]] std::string plot(const cycle::Plan& plan, PlotSize size = {});

/// What makes the run coarser or less even than the curve, a sentence each.
[[nodiscard]] std::vector<std::string> warnings(const cycle::Plan& plan);

}  // namespace kexp::feeder
