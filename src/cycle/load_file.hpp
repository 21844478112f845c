#pragma once

#include <filesystem>
#include <vector>

#include "kexp/cycle/load_curve.hpp"

namespace kexp::cycle {

/// Reads `duration_s,fraction` lines: steps one after the other.
/// Errors: UsageError naming `file:line`.
[[nodiscard]] std::vector<Segment> read_steps(const std::filesystem::path& file);

/// Reads `t_s,fraction` lines, times rising from 0: a step function whose last value holds until
/// `duration_s`. A line at that very time ends the file without a load of its own; one beyond it would never
/// be played. Errors: UsageError naming `file:line`.
[[nodiscard]] std::vector<Segment> read_step_function(const std::filesystem::path& file, double duration_s);

}  // namespace kexp::cycle
