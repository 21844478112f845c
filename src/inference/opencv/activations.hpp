#pragma once

/// Activations that OpenCV runs inside a convolution's loop, in place of its own scalar ones.

#include <cstddef>

#include <onnx/onnx_pb.h>

namespace kexp::inference {

/// Makes x * Sigmoid(x) one node, and the other Sigmoids ones of ours. Only `register_activations` makes
/// OpenCV read the result. The number of nodes made.
std::size_t fuse_activations(onnx::GraphProto& graph);

/// Tells OpenCV the layers that `fuse_activations` writes; any number of times.
void register_activations();

}  // namespace kexp::inference
