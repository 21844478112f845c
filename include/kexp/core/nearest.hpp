#pragma once

#include <string>
#include <vector>

namespace kexp {

/// The one of `known` that takes the fewest changed letters to become `given`; empty when none is close (more
/// than two letters and a third of `given`).
[[nodiscard]] std::string nearest_name(const std::string& given, const std::vector<std::string>& known);

/// " (did you mean NAME?)" for the nearest name, or "".
[[nodiscard]] std::string suggestion(const std::string& given, const std::vector<std::string>& known);

}  // namespace kexp
