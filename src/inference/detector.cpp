#include "kexp/inference/detector.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kexp/inference/model_info.hpp"

#include "class_filter.hpp"
#include "engine.hpp"
#include "graph_detector.hpp"
#include "input_plan.hpp"
#include "opencv/opencv_engine.hpp"
#include "openvino/openvino_engine.hpp"
#include "openvino/openvino_module.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

struct Openvino {
  const OpenvinoApi& api;
  OpenvinoDevice device;
};

bool needs_openvino(const DetectorOptions& options) {
  return options.engine == "openvino" || options.precision != "f32" || options.device != "CPU";
}

/// OpenVINO, when it is needed or, with nothing asked for, when it is there.
std::optional<Openvino> openvino(const DetectorOptions& options) {
  if (options.engine == "opencv") {
    return std::nullopt;
  }
  try {
    const OpenvinoApi& api = openvino_api();
    return Openvino{api, describe_device(api, options)};
  } catch (const UsageError& e) {
    if (needs_openvino(options)) {
      throw;
    }
    if (options.log != nullptr) {
      options.log->debug("inference: engine=opencv, because {}", e.what());
    }
    return std::nullopt;
  }
}

/// The file's content is given back before the network is built.
PreparedGraph read_graph(const fs::path& model) { return prepare_graph(model, read_model_file(model)); }

}  // namespace

const Preparation& Detector::preparation() const {
  static const Preparation kNone;
  return kNone;
}

std::vector<LayerTime> slowest_first(std::vector<LayerTime> times) {
  std::stable_sort(times.begin(), times.end(),
                   [](const LayerTime& a, const LayerTime& b) { return a.time > b.time; });
  return times;
}

void check_fit(const fs::path& model, const DetectorOptions& options) {
  if (options.input.kind == InputSize::Kind::automatic && options.classes.empty()) {
    return;
  }
  const PreparedGraph graph = read_graph(model);
  try {
    static_cast<void>(InputPlan(graph, options.input));
    static_cast<void>(ClassFilter(options.classes, graph.info.labels, graph.info.name));
  } catch (const ModelError& e) {
    throw ModelError(fmt::format("{}: {}", model.string(), e.what()));
  }
}

std::unique_ptr<Detector> make_detector(const fs::path& model, const DetectorOptions& options) {
  validate(options);
  const auto start = std::chrono::steady_clock::now();
  const auto found = openvino(options);
  auto detector = found ? make_openvino_detector(model, options, found->api, found->device)
                        : make_graph_detector(model, read_graph(model), options, make_opencv_engine);
  if (options.log != nullptr) {
    options.log->debug("inference: model={} engine=\"{}\" threads={} ready_ms={:.1f}", detector->model_name(),
                       detector->engine_description(), options.threads,
                       milliseconds(std::chrono::steady_clock::now() - start));
  }
  return detector;
}

}  // namespace kexp::inference
