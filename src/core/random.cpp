#include "kexp/core/random.hpp"

#include <cassert>

namespace kexp {

std::uint64_t SplitMix64::next() {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

std::uint64_t SplitMix64::below(std::uint64_t bound) {
  assert(bound > 0);
  // 2^64 mod bound: dropping that many of the smallest numbers leaves every remainder equally often.
  const std::uint64_t drop = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t value = next();
    if (value >= drop) {
      return value % bound;
    }
  }
}

}  // namespace kexp
