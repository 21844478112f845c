#pragma once

#include <cstddef>

namespace kexp::inference {

/// x / (1 + exp(-x)) of `count` numbers; `to` may be `from`. Within 3 units in the last place; NaN stays NaN.
void silu(const float* from, float* to, std::size_t count);

/// 1 / (1 + exp(-x)), the same way.
void sigmoid(const float* from, float* to, std::size_t count);

}  // namespace kexp::inference
