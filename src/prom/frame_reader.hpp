#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bad_answer.hpp"

namespace kexp::prom {

/// Cuts the bytes of a streamed answer, as they come, into its messages. Before each stand its length
/// (varint) and its CRC-32C (big endian).
///
/// Memory: the message that is not whole yet. Errors: BadAnswer, with which the stream is over.
class FrameReader {
 public:
  /// A message, valid until it returns.
  using OnMessage = std::function<void(std::span<const std::byte>)>;

  /// Prometheus cuts at 1 MiB (--storage.remote.read-max-bytes-in-frame); one above `max_message` is refused.
  explicit FrameReader(OnMessage on_message, std::size_t max_message = std::size_t{32} << 20U);

  void feed(std::span<const std::byte> bytes);
  /// The stream ended here. Errors: BadAnswer in the middle of a message.
  void finish() const;

 private:
  /// Hands over the message that `bytes` begin with and returns how long it is with its head; 0 when it is
  /// not whole.
  std::size_t take_message(std::span<const std::byte> bytes);

  OnMessage on_message_;
  std::size_t max_message_;
  std::vector<std::byte> begun_;  ///< What came of a message that is not whole.
  std::size_t wanted_ = 0;        ///< How many bytes of it there must be before another look is worth it.
};

}  // namespace kexp::prom
