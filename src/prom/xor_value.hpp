#pragma once

#include <bit>
#include <cstdint>

#include "bit_reader.hpp"

namespace kexp::prom {

/// A number that is stored as the difference (exclusive or) to the one before.
class XorValue {
 public:
  void read_first(BitReader& in) { bits_ = in.bits(64); }
  void read_next(BitReader& in) {
    if (!in.bit()) {
      return;  // The same value again.
    }
    if (in.bit()) {  // Another count of zeros on both sides.
      const auto shape = static_cast<unsigned>(in.bits(11));
      const unsigned leading = shape >> 6U;
      significant_ = shape & 63U;
      if (significant_ == 0) {
        significant_ = 64;
      }
      if (leading + significant_ > 64) {
        throw BadAnswer("a chunk has a value of more than 64 bits");
      }
      trailing_ = 64 - leading - significant_;
    }
    bits_ ^= in.bits(significant_) << trailing_;
  }
  [[nodiscard]] double value() const { return std::bit_cast<double>(bits_); }

 private:
  std::uint64_t bits_ = 0;
  unsigned significant_ = 64, trailing_ = 0;
};

}  // namespace kexp::prom
