#pragma once

/// Finding a YOLO network's head in its graph: the last convolutions, and what follows them.

#include <cstdint>
#include <optional>
#include <vector>

#include <onnx/onnx_pb.h>

#include "kexp/inference/head.hpp"

#include "graph/onnx_graph.hpp"

namespace kexp::inference {

/// What a file says about its boxes, apart from its graph.
struct HeadHints {
  std::size_t labels = 0;                  ///< 0: not known.
  std::vector<std::int64_t> output_shape;  ///< Of the tensor with the boxes; -1 where open.
};

/// The last convolutions of a graph: going back from its outputs, the first ones met.
///
/// The convolution that only sums up the bins of a distance is walked through, and nothing that a tensor's
/// shape is taken from: in graphs of open size that leads into the backbone.
[[nodiscard]] std::vector<const onnx::NodeProto*> last_convolutions(const onnx::GraphProto& graph,
                                                                    const GraphIndex& index);

/// How many pixels of the input go into one cell of a tensor, along a path without upsampling. nullopt when
/// there is no such path or a node on it has no constant stride.
[[nodiscard]] std::optional<int> stride_of(const GraphIndex& index, const std::string& tensor);

/// The head of a YOLO detector, found by its form; nullopt when the graph ends in another way, and has to be
/// run to its end. Requires: 32-bit floats, no Identity nodes.
[[nodiscard]] std::optional<Head> find_head(const onnx::GraphProto& graph, const HeadHints& hints);

}  // namespace kexp::inference
