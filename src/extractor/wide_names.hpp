#pragma once

#include <span>
#include <string>
#include <vector>

#include "kexp/prom/remote_read.hpp"

namespace kexp::extractor {

/// A short text for each of several sets of labels that tells them apart: {pod=a,zone=b} of the labels that
/// it takes, those of people first; empty where there is one set only. Equal sets get equal texts.
[[nodiscard]] std::vector<std::string> short_names(std::span<const prom::Labels> all);

}  // namespace kexp::extractor
