#include "kexp/core/random.hpp"

#include <array>
#include <cassert>
#include <cerrno>
#include <string_view>
#include <sys/random.h>
#include <system_error>

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

std::string secret_text(std::size_t length) {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kEven =
      256 / kLetters.size() * kLetters.size();  // Bytes above would favour the first letters.
  std::string text;
  std::array<unsigned char, 64> bytes{};
  while (text.size() < length) {
    const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    for (ssize_t i = 0; i < got && text.size() < length; ++i) {
      if (const std::size_t byte = bytes[static_cast<std::size_t>(i)]; byte < kEven) {
        text += kLetters[byte % kLetters.size()];
      }
    }
  }
  return text;
}

}  // namespace kexp
