#pragma once

/// The lines of results/<start>.csv and detections/<start>.csv (docs/results.md).

#include <cstdint>
#include <string>

#include "kexp/record/result.hpp"

namespace kexp::record {

/// The headers, with their line ends.
[[nodiscard]] std::string result_header();
[[nodiscard]] std::string detection_header();

/// One line; `received_ms` is when the tracker got the answer, Unix ms.
[[nodiscard]] std::string result_line(const Result& result, std::int64_t received_ms);
/// One line a detection; empty when there is none.
[[nodiscard]] std::string detection_lines(const Result& result);

}  // namespace kexp::record
