#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

namespace kexp::test {

using Shape = std::vector<std::int64_t>;

/// A model of one node that claims these inputs (images0, …) and outputs (output0, …; -1: an open dimension).
/// It cannot be run.
onnx::ModelProto model_with(const std::vector<Shape>& inputs, const std::vector<Shape>& outputs,
                            const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace kexp::test
