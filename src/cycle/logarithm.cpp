#include "kexp/cycle/logarithm.hpp"

#include <bit>
#include <cstdint>

namespace kexp::cycle {
namespace {

constexpr double kLn2 = 0.693147180559945309417;
constexpr double kSqrt2 = 1.41421356237309504880;
constexpr unsigned kMantissaBits = 52;
constexpr std::uint64_t kMantissaMask = (std::uint64_t{1} << kMantissaBits) - 1;
constexpr std::uint64_t kExponentBias = 1023;
constexpr int kLastTerm = 21;  // s²² / 23 is below 1e-18.

}  // namespace

double natural_logarithm(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  double exponent = static_cast<double>(bits >> kMantissaBits) - static_cast<double>(kExponentBias);
  double mantissa =
      std::bit_cast<double>((bits & kMantissaMask) | (kExponentBias << kMantissaBits));  // In [1, 2).
  if (mantissa > kSqrt2) {
    mantissa *= 0.5;
    exponent += 1;
  }
  const double s = (mantissa - 1) / (mantissa + 1);
  const double square = s * s;
  double series = 0;
  for (int term = kLastTerm; term > 1; term -= 2) {
    series = (series + 1.0 / term) * square;
  }
  return exponent * kLn2 + 2 * (s + s * series);
}

}  // namespace kexp::cycle
