#pragma once

/// Edits of an ONNX graph that change its form and never its results, for engines that read only some forms.

#include <cstddef>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

#include "kexp/core/units.hpp"

namespace kexp::inference {

/// Leaves out casts to 32-bit floats of what is 32-bit floats already, as a widened graph has. Their number.
std::size_t drop_idle_casts(onnx::GraphProto& graph);

/// Leaves out Identity nodes: exporters give one weight several names with them. Their number.
std::size_t drop_identities(onnx::GraphProto& graph);

/// Writes the sizes that a Split takes as its second input (opset 13 and later) into its attribute `split`.
/// The number of nodes. Errors: ModelError naming the node whose sizes are no constant.
std::size_t inline_split_sizes(onnx::GraphProto& graph);

/// The inverse, for engines that keep to the standard: it has them as the second input from opset 13 on.
/// The number of nodes.
std::size_t split_sizes_as_inputs(onnx::ModelProto& model);

/// Makes the image input one of a single image of three channels and `size`, whatever it left open. A side of
/// 0 is left open.
void set_input_size(onnx::GraphProto& graph, Size2 size);

/// Makes `outputs` the graph's outputs, each with a shape as OpenCV wants it, `channels` known.
void set_outputs(onnx::GraphProto& graph, const std::vector<std::string>& outputs,
                 const std::vector<std::int64_t>& channels);

/// Keeps what the outputs need, each node after those that it takes from, and the weights that are used.
/// Errors: ModelError naming a node that needs its own result.
void tidy(onnx::GraphProto& graph);

}  // namespace kexp::inference
