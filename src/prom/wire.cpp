#include "wire.hpp"

#include <bit>
#include <cstring>

namespace kexp::prom {

namespace {

static_assert(std::endian::native == std::endian::little,
              "doubles are read and written as they lie in memory");

std::span<const std::byte> take(std::span<const std::byte>& rest, std::uint64_t size) {
  if (size > rest.size()) {
    throw BadAnswer("a message ends too early");
  }
  const auto taken = rest.first(static_cast<std::size_t>(size));
  rest = rest.subspan(taken.size());
  return taken;
}

double to_double(std::span<const std::byte> bytes) {
  double value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

}  // namespace

std::uint64_t WireReader::take_varint(std::span<const std::byte>& rest) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(take(rest, 1).front());
    value |= (byte & 0x7fU) << shift;
    if (byte < 0x80U) {
      return value;
    }
  }
  throw BadAnswer("a message has a number of more than 64 bits");
}

double WireReader::take_fixed64(std::span<const std::byte>& rest) {
  return to_double(take(rest, sizeof(double)));
}

bool WireReader::next() {
  if (rest_.empty()) {
    return false;
  }
  const std::uint64_t key = take_varint(rest_);
  field_ = static_cast<std::uint32_t>(key >> 3U);
  kind_ = static_cast<Kind>(key & 7U);
  switch (kind_) {
    case Kind::varint:
      number_ = take_varint(rest_);
      return true;
    case Kind::fixed64:
      value_ = take(rest_, 8);
      return true;
    case Kind::bytes:
      value_ = take(rest_, take_varint(rest_));
      return true;
    case Kind::fixed32:
      value_ = take(rest_, 4);
      return true;
  }
  throw BadAnswer("a message has a field of an unknown kind");
}

void WireReader::expect(Kind kind) const {
  if (kind_ != kind) {
    throw BadAnswer("a message has a field of another kind than Prometheus'");
  }
}

std::uint64_t WireReader::number() const {
  expect(Kind::varint);
  return number_;
}

std::int64_t WireReader::zigzag() const { return unzigzag(number()); }

double WireReader::fixed64() const {
  expect(Kind::fixed64);
  return to_double(value_);
}

std::span<const std::byte> WireReader::bytes() const {
  expect(Kind::bytes);
  return value_;
}

std::string_view WireReader::text() const {
  const std::span<const std::byte> value = bytes();
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

void WireWriter::varint(std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) {
    message_ += static_cast<char>((value & 0x7fU) | 0x80U);
  }
  message_ += static_cast<char>(value);
}

void WireWriter::key(std::uint32_t field, std::uint32_t kind) { varint(field << 3U | kind); }

void WireWriter::number(std::uint32_t field, std::uint64_t value) {
  key(field, 0);
  varint(value);
}

void WireWriter::zigzag(std::uint32_t field, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  number(field, (bits << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void WireWriter::fixed64(std::uint32_t field, double value) {
  key(field, 1);
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  message_.append(bytes, sizeof(value));
}

void WireWriter::bytes(std::uint32_t field, std::string_view value) {
  key(field, 2);
  varint(value.size());
  message_ += value;
}

}  // namespace kexp::prom
