#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

#include "kexp/inference/detector.hpp"

#include "engine.hpp"
#include "graph/prepare_graph.hpp"

namespace kexp::inference {

/// What an engine gets: it may keep and change the graph.
struct EngineInput {
  std::string file;  ///< For messages.
  onnx::ModelProto model;
  std::vector<std::string> outputs;
  int threads = 1;
  bool load_per_size = false;  ///< The graph has constants for one size each: `run` gets several.
  int streams = 1;             ///< Engines of this process that work at the same time, with `threads` each.
};
using MakeEngine = std::function<std::unique_ptr<Engine>(EngineInput)>;

/// A detector with the prepared graph of a model file on an engine, run once.
/// Errors: ModelError naming the file.
[[nodiscard]] std::unique_ptr<Detector> make_graph_detector(const std::filesystem::path& file,
                                                            PreparedGraph graph,
                                                            const DetectorOptions& options,
                                                            const MakeEngine& make_engine);

}  // namespace kexp::inference
