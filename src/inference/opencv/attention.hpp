#pragma once

/// The attention of YOLO10, 11 and 26: two products of matrices and a softmax, which OpenCV 4.6 runs as
/// scalar code that takes a sixth of the network's time.

#include <cstddef>

#include <onnx/onnx_pb.h>

namespace kexp::inference {

/// Makes products of two computed matrices, and the softmax of such a product's rows, nodes of ours. Only
/// `register_attention` makes OpenCV read the result. The number of nodes changed.
std::size_t replace_attention(onnx::GraphProto& graph);

/// Tells OpenCV the layers that `replace_attention` writes; any number of times.
void register_attention();

}  // namespace kexp::inference
