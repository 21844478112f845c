#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace kexp {

/// SplitMix64: a small generator whose numbers are the same on every machine and library.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, bound), without modulo bias. Requires: bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);

 private:
  std::uint64_t state_;
};

/// `length` letters and digits that nobody can guess, each equally likely (getrandom).
[[nodiscard]] std::string secret_text(std::size_t length);

}  // namespace kexp
