#pragma once

/// The answer to one image, as it stands on the output topic (docs/results.md). The fields of earlier tools
/// keep name, type and unit.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kexp::record {

struct ResultDetection {
  int class_id = 0;
  std::string label;
  double confidence = 0;
  std::array<double, 4> box{};  ///< x, y, width, height in pixels of the original image.
};

struct Result {
  double idle_ms = 0, queue_ms = 0, pre_ms = 0, inf_ms = 0, post_ms = 0;
  std::int64_t start_time_ms = 0;  ///< The message's CreateTime, Unix ms.
  std::int64_t end_time_ms = 0;    ///< Its reception.
  std::string source;              ///< The pod's address.
  std::string model;
  std::vector<std::int64_t> dimensions;  ///< Network input, N x C x H x W.
  std::string id;
  int errors = 0;
  std::string error;  ///< Why, when errors is 1; the message is accounted for all the same.

  std::string run, node, pod, engine;
  int threads = 0;
  int width = 0, height = 0;  ///< Of the image; "resolution" in JSON.
  std::int32_t partition = -1;
  std::int64_t offset = -1;
  double decode_ms = 0;
  double throttled_ms = 0;
  std::int64_t throttled_periods = 0;  ///< Of the CPU quota; in JSON where there were any.
  std::int64_t done_time_ms = 0;
  std::vector<ResultDetection> detections;
};

/// End of postprocessing, Unix ms; of earlier tools, which do not say it, the reception by the consumer and
/// the stages after it.
[[nodiscard]] double done_ms(const Result& result);

/// One line of JSON.
[[nodiscard]] std::string to_json_text(const Result& result);

/// Reads an answer of ours or of an earlier tool: absent fields keep their defaults, unknown ones are
/// ignored. nullopt when it is no JSON object or a field has another type; `why` then says so.
[[nodiscard]] std::optional<Result> parse_result(std::string_view text, std::string* why);

}  // namespace kexp::record
