#pragma once

/// The loops that OpenCV 4.6 runs as scalar code, for the widest vectors of the processor. Numbers that are
/// not numbers stay so.

#include <cstddef>

namespace kexp::inference {

/// x / (1 + exp(-x)) of `count` numbers; `to` may be `from`.
void silu(const float* from, float* to, std::size_t count);

/// 1 / (1 + exp(-x)), the same way.
void sigmoid(const float* from, float* to, std::size_t count);

/// exp(x) over the sum of all exp(x), for each of `rows` rows; `to` may be `from`.
void softmax(const float* from, float* to, std::size_t rows, std::size_t columns);

/// A matrix of `rows` x `inner` times one of `inner` x `columns`, both row by row in memory.
/// Requires: `product` is neither of them.
void multiply(const float* left, const float* right, float* product, std::size_t rows, std::size_t inner,
              std::size_t columns);

}  // namespace kexp::inference
