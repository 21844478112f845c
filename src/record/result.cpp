#include "kexp/record/result.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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

/// A field that has another type than its reader wants.
struct WrongType {
  std::string field;
  const char* wanted;
};

void read(const Json& value, const char* name, std::string& into) {
  if (!value.is_string()) {
    throw WrongType{name, "a text"};
  }
  into = value.get_ref<const std::string&>();
}

void read(const Json& value, const char* name, double& into) {
  if (!value.is_number()) {
    throw WrongType{name, "a number"};
  }
  into = value.get<double>();
}

// A whole number; also one that another language wrote as 5.0.
template <typename T>
requires std::is_integral_v<T>
void read(const Json& value, const char* name, T& into) {
  double number = 0;
  read(value, name, number);
  if (value.is_number_integer()) {
    const auto whole = value.get<std::int64_t>();
    if (whole >= std::numeric_limits<T>::min() && whole <= std::numeric_limits<T>::max() &&
        !(value.is_number_unsigned() && whole < 0)) {
      into = static_cast<T>(whole);
      return;
    }
  } else if (number == std::floor(number) && std::abs(number) < 9e15 &&
             number >= static_cast<double>(std::numeric_limits<T>::min()) &&
             number <= static_cast<double>(std::numeric_limits<T>::max())) {
    into = static_cast<T>(number);
    return;
  }
  throw WrongType{name, "a whole number in range"};
}

/// The value of `name`; null stands for an absent one, as Python's None becomes it.
const Json* find(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

template <typename T>
void take(const Json& object, const char* name, T& into) {
  if (const Json* value = find(object, name)) {
    read(*value, name, into);
  }
}

const Json* find_array(const Json& object, const char* name) {
  const Json* value = find(object, name);
  if (value != nullptr && !value->is_array()) {
    throw WrongType{name, "a list"};
  }
  return value;
}

void take_timestamps(const Json& object, Result& result) {
  const Json* times = find(object, "timestamps");
  if (times == nullptr) {
    return;
  }
  if (!times->is_object()) {
    throw WrongType{"timestamps", "an object"};
  }
  take(*times, "idle", result.idle_ms);
  take(*times, "queue", result.queue_ms);
  take(*times, "pre", result.pre_ms);
  take(*times, "inf", result.inf_ms);
  take(*times, "post", result.post_ms);
  take(*times, "start_time", result.start_time_ms);
  take(*times, "end_time", result.end_time_ms);
}

void take_shapes(const Json& object, Result& result) {
  if (const Json* dimensions = find_array(object, "dimensions")) {
    for (const Json& value : *dimensions) {
      read(value, "dimensions", result.dimensions.emplace_back());
    }
  }
  if (const Json* resolution = find_array(object, "resolution")) {
    if (resolution->size() != 2) {
      throw WrongType{"resolution", "[width, height]"};
    }
    read((*resolution)[0], "resolution", result.width);
    read((*resolution)[1], "resolution", result.height);
  }
}

void take_detections(const Json& object, Result& result) {
  const Json* detections = find_array(object, "detections");
  if (detections == nullptr) {
    return;
  }
  for (const Json& value : *detections) {
    if (!value.is_object()) {
      throw WrongType{"detections", "a list of objects"};
    }
    ResultDetection& detection = result.detections.emplace_back();
    take(value, "class_id", detection.class_id);
    take(value, "label", detection.label);
    take(value, "confidence", detection.confidence);
    if (const Json* box = find_array(value, "box")) {
      if (box->size() != detection.box.size()) {
        throw WrongType{"box", "[x, y, width, height]"};
      }
      for (std::size_t i = 0; i < detection.box.size(); ++i) {
        read((*box)[i], "box", detection.box[i]);
      }
    }
  }
}

Result read_result(const Json& object) {
  Result result;
  take_timestamps(object, result);
  take(object, "source", result.source);
  take(object, "model", result.model);
  take(object, "id", result.id);
  take(object, "errors", result.errors);
  take(object, "error", result.error);
  take(object, "run", result.run);
  take(object, "node", result.node);
  take(object, "pod", result.pod);
  take(object, "engine", result.engine);
  take(object, "threads", result.threads);
  take(object, "partition", result.partition);
  take(object, "offset", result.offset);
  take(object, "decode", result.decode_ms);
  take(object, "throttled_ms", result.throttled_ms);
  take(object, "throttled_periods", result.throttled_periods);
  take(object, "done_time", result.done_time_ms);
  take_shapes(object, result);
  take_detections(object, result);
  return result;
}

}  // namespace

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

std::optional<Result> parse_result(std::string_view text, std::string* why) {
  const auto refuse = [why](std::string reason) {
    if (why != nullptr) {
      *why = std::move(reason);
    }
    return std::nullopt;
  };
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return refuse("no JSON");
  }
  if (!json.is_object()) {
    return refuse("no JSON object");
  }
  try {
    return read_result(json);
  } catch (const WrongType& wrong) {
    return refuse(fmt::format("\"{}\" is not {}", wrong.field, wrong.wanted));
  }
}

}  // namespace kexp::record
