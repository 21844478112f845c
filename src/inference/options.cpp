#include <algorithm>
#include <initializer_list>
#include <sstream>

#include <fmt/format.h>

#include "kexp/inference/detector.hpp"

namespace kexp::inference {

namespace {

constexpr int kMaxThreads = 1024;
constexpr int kMostDetections = 30'000;

void check_share(double value, const char* flag) {
  if (!(value >= 0 && value <= 1)) {
    throw UsageError(fmt::format("{} must be from 0 to 1, got {}", flag, value));
  }
}

void check_one_of(const std::string& value, std::initializer_list<const char*> allowed, const char* flag) {
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    throw UsageError(fmt::format("{} must be one of {}, got \"{}\"", flag, fmt::join(allowed, ", "), value));
  }
}

void check_count(int value, int most, const char* flag) {
  if (value < 1 || value > most) {
    throw UsageError(fmt::format("{} must be from 1 to {}, got {}", flag, most, value));
  }
}

}  // namespace

InputSize parse_input_size(const std::string& text, const std::string& flag) {
  if (text == "auto") {
    return {};
  }
  if (text == "square") {
    return {InputSize::Kind::square, {}};
  }
  try {
    return {InputSize::Kind::fixed, parse_size(text, flag)};
  } catch (const UsageError&) {
    throw UsageError(fmt::format("{} must be auto, square, N or WxH, got \"{}\"", flag, text));
  }
}

std::vector<std::string> parse_classes(const std::vector<std::string>& texts, const std::string& flag) {
  std::vector<std::string> classes;
  for (const std::string& text : texts) {
    std::istringstream parts(text + ",");
    for (std::string part; std::getline(parts, part, ',');) {
      part.erase(0, part.find_first_not_of(' '));
      part.erase(part.find_last_not_of(' ') + 1);
      if (part.empty()) {
        throw UsageError(fmt::format("{} must be ids or labels with commas between, got \"{}\"", flag, text));
      }
      classes.push_back(part);
    }
  }
  return classes;
}

void validate(const DetectorOptions& options) {
  check_one_of(options.engine, {"auto", "opencv", "openvino"}, "--engine");
  check_one_of(options.precision, {"f32", "bf16"}, "--precision");
  if (options.device.empty()) {
    throw UsageError("--device must name a device of OpenVINO, got nothing");
  }
  if (options.engine == "opencv" && (options.precision != "f32" || options.device != "CPU")) {
    throw UsageError(fmt::format(
        "{} goes with --engine openvino, not with opencv",
        options.precision != "f32" ? "--precision " + options.precision : "--device " + options.device));
  }
  if (options.engine == "opencv" && !options.engine_cache.empty()) {
    throw UsageError(fmt::format("--engine-cache {} goes with --engine openvino, not with opencv",
                                 options.engine_cache.string()));
  }
  check_count(options.threads, kMaxThreads, "--threads");
  check_share(options.confidence, "--confidence");
  check_share(options.iou, "--iou");
  check_count(options.max_detections, kMostDetections, "--max-detections");
  if (options.input.kind == InputSize::Kind::fixed) {
    check_count(options.input.size.width, 8192, "--input");
    check_count(options.input.size.height, 8192, "--input");
  }
}

}  // namespace kexp::inference
