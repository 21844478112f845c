#pragma once

/// From a model file to a graph that every engine runs.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <onnx/onnx_pb.h>

#include "kexp/inference/head.hpp"
#include "kexp/inference/model_info.hpp"

namespace kexp::inference {

/// The key of the metadata that describes the head of a graph which ends in its raw tensors.
inline constexpr const char* kHeadKey = "kexp_head";

/// At which sizes a graph runs.
enum class Sizes {
  one,       ///< The exported one: other constants of the graph depend on it.
  any,       ///< Every multiple of the stride.
  by_choice  ///< Every multiple of the stride, but one for each loading: the input is left open.
};

/// A graph without what engines stumble over, and what its results mean.
struct PreparedGraph {
  ModelInfo info;
  std::optional<Head> head;          ///< Absent: the graph decodes itself, `info.output` holds the boxes.
  std::vector<std::string> outputs;  ///< As the head wants them, or the one with the boxes.
  std::vector<std::string> changes;  ///< What was done, for people.
  std::size_t earlier_changes = 0;   ///< The first so many were done before, as the file says.
  Sizes sizes = Sizes::one;
  onnx::ModelProto model;
};

/// Reads and repairs a model: 16-bit floats widened, idle nodes left out, cut after its last convolutions
/// where its form is known, sizes of Split written down, sorted. Errors: ModelError naming `file`, also for
/// weights that are not finite.
[[nodiscard]] PreparedGraph prepare_graph(const std::filesystem::path& file, std::string_view content);

/// The prepared graph as a file: its metadata says what was done and what its outputs mean, so that it is
/// taken again as it is.
[[nodiscard]] std::string as_file(PreparedGraph graph);

/// The largest stride: sides of the input are multiples of it.
[[nodiscard]] int largest_stride(const PreparedGraph& graph);

}  // namespace kexp::inference
