#pragma once

#include <cstdint>

#include <onnx/onnx_pb.h>

namespace kexp::inference {

/// The number that 16 bits of IEEE 754 mean.
[[nodiscard]] float float_of_half(std::uint16_t bits);

/// Makes a model of 16-bit floats one of 32-bit floats, which every engine reads: weights, constants, inputs,
/// outputs and casts. True when there was something to change.
bool widen_halves(onnx::ModelProto& model);

}  // namespace kexp::inference
