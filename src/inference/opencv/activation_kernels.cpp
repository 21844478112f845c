#include "opencv/activation_kernels.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

// Compiled with -O3 in every build, and without -ffast-math: its reciprocals made NaN of large numbers.

#define KEXP_INLINE inline __attribute__((always_inline))

namespace kexp::inference {

namespace {

/// e^x for x in [-87, 87]: 2^n times a polynomial in the rest, of at most half a power of two.
/// Source: the coefficients of the minimax polynomial in Cephes' expf (Moshier).
KEXP_INLINE float exponential(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // ln 2 in two parts, so that n times the first is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to whole numbers
  constexpr int kBias = 127;
  constexpr int kFractionBits = 23;
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float sum = 1.9875691500e-4F;
  sum = sum * r + 1.3981999507e-3F;
  sum = sum * r + 8.3334519073e-3F;
  sum = sum * r + 4.1665795894e-2F;
  sum = sum * r + 1.6666665459e-1F;
  sum = sum * r + 5.0000001201e-1F;
  sum = sum * r * r + r + 1.0F;
  const std::int32_t power = (static_cast<std::int32_t>(n) + kBias) << kFractionBits;
  return sum * std::bit_cast<float>(power);
}

KEXP_INLINE float denominator(float x) {
  constexpr float kLimit = 87.0F;  // beyond, e^x leaves the normal numbers
  const float low = x < -kLimit ? -kLimit : x;
  const float both = low > kLimit ? kLimit : low;
  return 1.0F + exponential(-both);
}

KEXP_INLINE void silu_loop(const float* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = from[i] / denominator(from[i]);
  }
}

KEXP_INLINE void sigmoid_loop(const float* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = 1.0F / denominator(from[i]);
  }
}

void silu_any(const float* from, float* to, std::size_t count) { silu_loop(from, to, count); }
void sigmoid_any(const float* from, float* to, std::size_t count) { sigmoid_loop(from, to, count); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void silu_avx2(const float* from, float* to, std::size_t count) {
  silu_loop(from, to, count);
}
__attribute__((target("avx2,fma"))) void sigmoid_avx2(const float* from, float* to, std::size_t count) {
  sigmoid_loop(from, to, count);
}

bool has_avx2() { return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0; }
#endif

using Kernel = void (*)(const float*, float*, std::size_t);

struct Kernels {
  Kernel silu = silu_any;
  Kernel sigmoid = sigmoid_any;
};

Kernels best_kernels() {
#if defined(__x86_64__)
  if (has_avx2()) {
    return {silu_avx2, sigmoid_avx2};
  }
#endif
  return {};
}

const Kernels kKernels = best_kernels();

}  // namespace

void silu(const float* from, float* to, std::size_t count) { kKernels.silu(from, to, count); }
void sigmoid(const float* from, float* to, std::size_t count) { kKernels.sigmoid(from, to, count); }

}  // namespace kexp::inference
