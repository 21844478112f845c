#pragma once

/// The wire format of Protocol Buffers, read in place and written, for the few messages that Prometheus
/// needs.
///
/// By hand, because a message class would copy every chunk.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bad_answer.hpp"

namespace kexp::prom {

/// Walks through the fields of a message. Errors: BadAnswer for bytes that are none.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> message) : rest_(message) {}

  /// Goes to the next field; false at the end. What was not read of the field before is skipped.
  [[nodiscard]] bool next();
  [[nodiscard]] std::uint32_t field() const { return field_; }

  /// The value of the field that `next` went to.
  [[nodiscard]] std::uint64_t number() const;  ///< uint64, enum.
  [[nodiscard]] std::int64_t int64() const { return static_cast<std::int64_t>(number()); }
  [[nodiscard]] std::int64_t zigzag() const;  ///< sint32, sint64.
  [[nodiscard]] double fixed64() const;       ///< double.
  [[nodiscard]] std::span<const std::byte> bytes() const;
  [[nodiscard]] std::string_view text() const;

  /// Calls `each(value)` for a repeated number, be it packed or one by one.
  template <typename Each>
  void each_zigzag(const Each& each) const;
  template <typename Each>
  void each_fixed64(const Each& each) const;

 private:
  enum class Kind : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

  static std::uint64_t take_varint(std::span<const std::byte>& rest);
  static double take_fixed64(std::span<const std::byte>& rest);
  static std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>((value >> 1U) ^ (~(value & 1U) + 1));
  }
  void expect(Kind kind) const;

  std::span<const std::byte> rest_;
  std::uint32_t field_ = 0;
  Kind kind_ = Kind::varint;
  std::uint64_t number_ = 0;          ///< Of a varint.
  std::span<const std::byte> value_;  ///< Of any other.
};

template <typename Each>
void WireReader::each_zigzag(const Each& each) const {
  if (kind_ != Kind::bytes) {
    each(zigzag());
    return;
  }
  for (std::span<const std::byte> rest = value_; !rest.empty();) {
    each(unzigzag(take_varint(rest)));
  }
}

template <typename Each>
void WireReader::each_fixed64(const Each& each) const {
  if (kind_ != Kind::bytes) {
    each(fixed64());
    return;
  }
  for (std::span<const std::byte> rest = value_; !rest.empty();) {
    each(take_fixed64(rest));
  }
}

/// Appends fields to a message.
class WireWriter {
 public:
  void number(std::uint32_t field, std::uint64_t value);
  void int64(std::uint32_t field, std::int64_t value) { number(field, static_cast<std::uint64_t>(value)); }
  void zigzag(std::uint32_t field, std::int64_t value);
  void fixed64(std::uint32_t field, double value);
  void bytes(std::uint32_t field, std::string_view value);

  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  void key(std::uint32_t field, std::uint32_t kind);
  void varint(std::uint64_t value);

  std::string message_;
};

}  // namespace kexp::prom
