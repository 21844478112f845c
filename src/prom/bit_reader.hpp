#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "bad_answer.hpp"

namespace kexp::prom {

/// Reads numbers of any count of bits, the highest bit first. Errors: BadAnswer past the end.
class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> bytes)
      : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool bit() { return bits(1) != 0; }

  /// `count`: 0 to 64.
  [[nodiscard]] std::uint64_t bits(unsigned count) {
    if (count > kMostAtOnce) {
      const std::uint64_t high = bits(count - 32);
      return high << 32U | bits(32);
    }
    if (count > available_) {
      fill(count);
    }
    // Two shifts: one by 64 would not be defined.
    const std::uint64_t value = buffer_ >> 1U >> (63 - count);
    buffer_ <<= count;
    available_ -= count;
    return value;
  }

  /// The number of 1 bits before the next 0 bit, at most `most`; the 0 is read too, when it comes before
  /// that.
  [[nodiscard]] unsigned ones(unsigned most) {
    unsigned count = 0;
    while (count < most && bit()) {
      ++count;
    }
    return count;
  }

  /// A signed number of `count` bits, as Prometheus writes it: 2^(count-1) itself is positive.
  [[nodiscard]] std::int64_t signed_bits(unsigned count) {
    std::uint64_t value = bits(count);
    if (count < 64 && value > (std::uint64_t{1} << (count - 1))) {
      value -= std::uint64_t{1} << count;
    }
    return static_cast<std::int64_t>(value);
  }

 private:
  static constexpr unsigned kMostAtOnce = 56;

  void fill(unsigned count) {
    if (end_ - next_ >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, next_, 8);
      if constexpr (std::endian::native == std::endian::little) {
        word = __builtin_bswap64(word);
      }
      // Whole bytes are counted; the bits of the next one that fit too are read again later.
      buffer_ |= word >> available_;
      const unsigned taken = (64 - available_) / 8;
      next_ += taken;
      available_ += taken * 8;
      return;
    }
    while (available_ <= kMostAtOnce && next_ != end_) {
      buffer_ |= std::to_integer<std::uint64_t>(*next_++) << (kMostAtOnce - available_);
      available_ += 8;
    }
    if (count > available_) {
      throw BadAnswer("a chunk ends too early");
    }
  }

  const std::byte* next_;
  const std::byte* end_;
  std::uint64_t buffer_ = 0;  ///< The next bits, the first one highest.
  unsigned available_ = 0;    ///< How many of them.
};

}  // namespace kexp::prom
