#include "frame_reader.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "crc32c.hpp"

namespace kexp::prom {

namespace {

constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kLongestLength = 10;

std::uint32_t big_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (const std::byte byte : bytes) {
    value = value << 8U | std::to_integer<std::uint32_t>(byte);
  }
  return value;
}

/// Where messages begin, and how long the first is.
struct Head {
  std::size_t bytes = 0;  ///< 0: not whole.
  std::uint64_t length = 0;
};

Head read_head(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < std::min(bytes.size(), kLongestLength); ++i) {
    length |= (std::to_integer<std::uint64_t>(bytes[i]) & 0x7fU) << (7 * i);
    if (std::to_integer<unsigned>(bytes[i]) < 0x80U) {
      return {i + 1 + kCrcBytes, length};
    }
  }
  if (bytes.size() >= kLongestLength) {
    throw BadAnswer("the length of a message is no number");
  }
  return {};
}

}  // namespace

FrameReader::FrameReader(OnMessage on_message, std::size_t max_message)
    : on_message_(std::move(on_message)), max_message_(max_message) {}

std::size_t FrameReader::take_message(std::span<const std::byte> bytes) {
  const Head head = read_head(bytes);
  if (head.length > max_message_) {
    throw BadAnswer(fmt::format("a message of {} bytes is above the limit of {}", head.length, max_message_));
  }
  const std::size_t size = head.bytes + static_cast<std::size_t>(head.length);
  if (head.bytes == 0 || bytes.size() < size) {
    wanted_ = head.bytes == 0 ? bytes.size() + 1 : size;
    return 0;
  }
  const auto message = bytes.subspan(head.bytes, static_cast<std::size_t>(head.length));
  if (crc32c(message) != big_endian(bytes.subspan(head.bytes - kCrcBytes, kCrcBytes))) {
    throw BadAnswer("a message has a wrong checksum");
  }
  on_message_(message);
  return size;
}

void FrameReader::feed(std::span<const std::byte> bytes) {
  while (!begun_.empty() && !bytes.empty()) {
    const std::size_t more = std::min(bytes.size(), wanted_ - begun_.size());
    begun_.insert(begun_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(more));
    bytes = bytes.subspan(more);
    if (begun_.size() == wanted_ && take_message(begun_) > 0) {
      begun_.clear();
    }
  }
  while (!bytes.empty()) {  // Whole messages are read where they lie.
    const std::size_t size = take_message(bytes);
    if (size == 0) {
      begun_.assign(bytes.begin(), bytes.end());
      return;
    }
    bytes = bytes.subspan(size);
  }
}

void FrameReader::finish() const {
  if (!begun_.empty()) {
    throw BadAnswer("the answer ends in the middle of a message");
  }
}

}  // namespace kexp::prom
