#include "kexp/record/result.hpp"

#include <cmath>

#include "kexp/core/json.hpp"

namespace kexp::record {

namespace {

// Digits that mean something: 1 us in a duration, less than 1/1000 of a pixel in a box.
double rounded(double value, double digits) { return std::round(value * digits) / digits; }
double ms(double value) { return rounded(value, 1e3); }

Json detection_json(const ResultDetection& detection) {
  Json box = Json::array();
  for (const double side : detection.box) {
    box.push_back(rounded(side, 1e4));
  }
  return Json{{"class_id", detection.class_id},
              {"label", detection.label},
              {"confidence", rounded(detection.confidence, 1e6)},
              {"box", std::move(box)}};
}

}  // namespace

double done_ms(const Result& r) {
  return r.done_time_ms != 0
             ? static_cast<double>(r.done_time_ms)
             : static_cast<double>(r.end_time_ms) + r.decode_ms + r.pre_ms + r.inf_ms + r.post_ms;
}

std::string to_json_text(const Result& result) {
  Json detections = Json::array();
  for (const ResultDetection& detection : result.detections) {
    detections.push_back(detection_json(detection));
  }
  Json json{{"timestamps",
             {{"idle", ms(result.idle_ms)},
              {"queue", std::llround(result.queue_ms)},  // Of two Unix times in whole milliseconds.
              {"pre", ms(result.pre_ms)},
              {"inf", ms(result.inf_ms)},
              {"post", ms(result.post_ms)},
              {"start_time", result.start_time_ms},
              {"end_time", result.end_time_ms}}},
            {"source", result.source},
            {"model", result.model},
            {"dimensions", result.dimensions},
            {"id", result.id},
            {"errors", result.errors}};
  if (result.errors != 0) {
    json["error"] = result.error;
  }
  json["run"] = result.run;
  json["node"] = result.node;
  json["pod"] = result.pod;
  json["engine"] = result.engine;
  json["threads"] = result.threads;
  json["resolution"] = {result.width, result.height};
  json["partition"] = result.partition;
  json["offset"] = result.offset;
  json["decode"] = ms(result.decode_ms);
  json["throttled_ms"] = ms(result.throttled_ms);
  if (result.throttled_periods != 0) {
    json["throttled_periods"] = result.throttled_periods;
  }
  json["done_time"] = result.done_time_ms;
  json["detections"] = std::move(detections);
  // A text of another program (an error, a label) may hold what is no UTF-8: it is mended, not refused.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kexp::record
