// Mutations of pictures that get past libpng's checksums: each chunk of a PNG gets the one that fits.

#include <algorithm>
#include <array>

#include "target.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

constexpr std::array<std::uint8_t, 8> kSignature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t kFrame = 12;  // of a chunk: length, type, checksum

std::uint32_t read_u32(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

void write_u32(std::uint8_t* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) {
    at[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  }
}

std::uint32_t crc32_of(const std::uint8_t* data, std::size_t size) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
    }
  }
  return ~crc;
}

void mend_checksums(std::uint8_t* data, std::size_t size) {
  if (size < kSignature.size() || !std::equal(kSignature.begin(), kSignature.end(), data)) {
    return;
  }
  std::size_t at = kSignature.size();
  while (size - at >= kFrame) {
    const std::size_t length = read_u32(data + at);
    if (length > size - at - kFrame) {
      return;
    }
    write_u32(data + at + 8 + length, crc32_of(data + at + 4, 4 + length));
    at += kFrame + length;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  const std::size_t mutated = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) {  // A wrong checksum now and then is worth a try.
    mend_checksums(data, mutated);
  }
  return mutated;
}
