#include "bit_reader.hpp"
#include "chunk.hpp"
#include "xor_value.hpp"

namespace kexp::prom {

namespace {

constexpr std::size_t kHeadBytes = 2;
constexpr std::size_t kMostSamplesInAByte = 4;  // One bit for the time, one for the value.

std::uint64_t read_varint(BitReader& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t byte = in.bits(8);
    value |= (byte & 0x7FU) << shift;
    if (byte < 0x80U) {
      return value;
    }
  }
  throw BadAnswer("a chunk has a number of more than 64 bits");
}

std::int64_t read_zigzag(BitReader& in) {
  const std::uint64_t value = read_varint(in);
  return static_cast<std::int64_t>((value >> 1U) ^ (~(value & 1U) + 1));
}

/// By how much a distance in time differs from the one before.
std::uint64_t read_change(BitReader& in) {
  switch (in.ones(4)) {
    case 0:
      return 0;
    case 1:
      return static_cast<std::uint64_t>(in.signed_bits(14));
    case 2:
      return static_cast<std::uint64_t>(in.signed_bits(17));
    case 3:
      return static_cast<std::uint64_t>(in.signed_bits(20));
    default:
      return in.bits(64);
  }
}

}  // namespace

bool is_stale(double value) { return std::bit_cast<std::uint64_t>(value) == kStaleBits; }

std::size_t sample_count(std::span<const std::byte> chunk, std::size_t head_bytes) {
  if (chunk.size() < head_bytes) {
    throw BadAnswer("a chunk ends too early");
  }
  return std::to_integer<std::size_t>(chunk[0]) << 8U | std::to_integer<std::size_t>(chunk[1]);
}

void decode_xor_chunk(std::span<const std::byte> chunk, std::vector<std::int64_t>& ts_ms,
                      std::vector<double>& values) {
  const std::size_t count = sample_count(chunk, kHeadBytes);
  if (count == 0) {
    return;
  }
  if (count > chunk.size() * kMostSamplesInAByte) {
    throw BadAnswer("a chunk ends too early");  // Before there is room for them all.
  }
  BitReader in(chunk.subspan(kHeadBytes));
  const std::size_t from = ts_ms.size();
  ts_ms.resize(from + count);
  values.resize(from + count);
  std::int64_t* const times = ts_ms.data() + from;
  double* const numbers = values.data() + from;

  // Unsigned, because damaged chunks may overflow.
  auto time = static_cast<std::uint64_t>(read_zigzag(in));
  std::uint64_t distance = 0;
  XorValue value;
  value.read_first(in);
  times[0] = static_cast<std::int64_t>(time);
  numbers[0] = value.value();
  for (std::size_t i = 1; i < count; ++i) {
    distance = i == 1 ? read_varint(in) : distance + read_change(in);
    time += distance;
    value.read_next(in);
    times[i] = static_cast<std::int64_t>(time);
    numbers[i] = value.value();
  }
}

}  // namespace kexp::prom
