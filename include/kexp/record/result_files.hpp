#pragma once

/// The lines of results/<start>.csv and detections/<start>.csv (docs/results.md), to write and to read again.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "kexp/record/result.hpp"
#include "kexp/record/sends.hpp"

namespace kexp::record {

/// How an answer reached the tracker.
struct Reception {
  std::int64_t received_ms = 0;  ///< Unix ms.
  std::int32_t partition = -1;   ///< Where it lies on the result topic.
  std::int64_t offset = -1;
};

/// The headers, with their line ends.
[[nodiscard]] std::string result_header();
[[nodiscard]] std::string detection_header();
/// That of results/ before it had the column `error`.
[[nodiscard]] std::string earlier_result_header();

/// One line.
[[nodiscard]] std::string result_line(const Result& result, const Reception& reception);
/// One line a detection; empty when there is none.
[[nodiscard]] std::string detection_lines(const Result& result);

/// The results/*.csv of `run` in the order of their names, which are times.
[[nodiscard]] std::vector<std::filesystem::path> result_files(const std::filesystem::path& run);

/// What a row of results/<start>.csv says of times and of who answered; without the detections.
using ResultVisit = std::function<void(const Result& result, const Reception& reception)>;

/// Visits every row of results/*.csv of `run`; of texts only id, node and pod. Returns the number of
/// lines that are no rows. Errors: FailedError naming the file.
UnreadableRows read_results(const std::filesystem::path& run, const ResultVisit& visit);

/// Whether a results/<start>.csv has the columns of result_header(), so that more rows can be added to it, or
/// those of earlier_result_header().
enum class Columns { current, earlier };

/// Cuts results/`name` and detections/`name` of a tracker that was killed to what both have whole: no torn
/// line, and of every answer its row and all its detections. Visits what is kept, with its detections.
///
/// Nothing happens when neither is there. Errors: FailedError naming the file; also one with columns that
/// kexp has never written, which is left as it is.
[[nodiscard]] Columns recover_results(const std::filesystem::path& run, const std::string& name,
                                      const ResultVisit& visit);

}  // namespace kexp::record
