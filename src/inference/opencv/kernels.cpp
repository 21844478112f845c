#include "opencv/kernels.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

// Compiled with -O3 and -fno-trapping-math in every build, which make vector code of the loops; not with
// -ffast-math, whose reciprocals made NaN of large numbers.

#define KEXP_INLINE inline __attribute__((always_inline))

namespace kexp::inference {

namespace {

constexpr float kMostExponent = 87.0F;  // beyond, e^x leaves the normal numbers

/// e^x for x in [-87, 87], within 2 units in the last place: 2^n times a polynomial of the rest.
/// Source: the coefficients are those of Cephes' expf (Moshier).
KEXP_INLINE float exponential(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // ln 2 in two parts, so that n times the first is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to whole numbers
  constexpr int kBias = 127;
  constexpr int kFractionBits = 23;
  const float n = (x * kLog2E + kRound) - kRound;
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

KEXP_INLINE float limited(float x) {
  const float low = x < -kMostExponent ? -kMostExponent : x;
  return low > kMostExponent ? kMostExponent : low;
}

struct Loops {
  void (*silu)(const float*, float*, std::size_t);
  void (*sigmoid)(const float*, float*, std::size_t);
  void (*softmax)(const float*, float*, std::size_t);
  void (*multiply_row)(const float*, const float*, float*, std::size_t, std::size_t);
};

KEXP_INLINE void silu_loop(const float* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = from[i] / (1.0F + exponential(-limited(from[i])));
  }
}

KEXP_INLINE void sigmoid_loop(const float* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = 1.0F / (1.0F + exponential(-limited(from[i])));
  }
}

KEXP_INLINE void softmax_loop(const float* from, float* to, std::size_t count) {
  const float most = *std::max_element(from, from + count);
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = exponential(limited(from[i] - most));
  }
  float sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += to[i];
  }
  for (std::size_t i = 0; i < count; ++i) {
    to[i] /= sum;
  }
}

/// One row of the product: four rows of `right` at a time, so that the product is loaded and stored less.
KEXP_INLINE void multiply_row_loop(const float* left, const float* right, float* __restrict product,
                                   std::size_t inner, std::size_t columns) {
  std::fill(product, product + columns, 0.0F);
  std::size_t k = 0;
  for (; k + 4 <= inner; k += 4) {
    const float a = left[k], b = left[k + 1], c = left[k + 2], d = left[k + 3];
    const float* const first = right + k * columns;
    for (std::size_t j = 0; j < columns; ++j) {
      product[j] +=
          a * first[j] + b * first[columns + j] + c * first[2 * columns + j] + d * first[3 * columns + j];
    }
  }
  for (; k < inner; ++k) {
    for (std::size_t j = 0; j < columns; ++j) {
      product[j] += left[k] * right[k * columns + j];
    }
  }
}

// The same loops, compiled for any processor of the kind and for newer ones.
#define KEXP_LOOPS(name, target)                                                                            \
  target void silu_##name(const float* from, float* to, std::size_t count) { silu_loop(from, to, count); }  \
  target void sigmoid_##name(const float* from, float* to, std::size_t count) {                             \
    sigmoid_loop(from, to, count);                                                                          \
  }                                                                                                         \
  target void softmax_##name(const float* from, float* to, std::size_t count) {                             \
    softmax_loop(from, to, count);                                                                          \
  }                                                                                                         \
  target void multiply_row_##name(const float* left, const float* right, float* product, std::size_t inner, \
                                  std::size_t columns) {                                                    \
    multiply_row_loop(left, right, product, inner, columns);                                                \
  }                                                                                                         \
  constexpr Loops k_##name{silu_##name, sigmoid_##name, softmax_##name, multiply_row_##name};

KEXP_LOOPS(any, )
#if defined(__x86_64__)
#if defined(__clang__)
#define KEXP_WIDE "avx512f,avx512dq,avx512vl"
#else
#define KEXP_WIDE "avx512f,avx512dq,avx512vl,prefer-vector-width=512"
#endif
KEXP_LOOPS(avx2, __attribute__((target("avx2,fma"))))
KEXP_LOOPS(avx512, __attribute__((target(KEXP_WIDE))))
#endif

Loops best_loops() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0) {
    return k_avx512;
  }
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
    return k_avx2;
  }
#endif
  return k_any;
}

const Loops& loops() {
  static const Loops kBest = best_loops();
  return kBest;
}

}  // namespace

void silu(const float* from, float* to, std::size_t count) { loops().silu(from, to, count); }

void sigmoid(const float* from, float* to, std::size_t count) { loops().sigmoid(from, to, count); }

void softmax(const float* from, float* to, std::size_t rows, std::size_t columns) {
  for (std::size_t row = 0; row < rows && columns > 0; ++row) {
    loops().softmax(from + row * columns, to + row * columns, columns);
  }
}

void multiply(const float* left, const float* right, float* product, std::size_t rows, std::size_t inner,
              std::size_t columns) {
  for (std::size_t row = 0; row < rows; ++row) {
    loops().multiply_row(left + row * inner, right, product + row * columns, inner, columns);
  }
}

}  // namespace kexp::inference
