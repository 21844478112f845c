#pragma once

#include "kexp/kafka/client.hpp"

#include "handles.hpp"

namespace kexp::kafka {

using MessageHandle = Handle<rd_kafka_message_t, rd_kafka_message_destroy>;

/// A message in librdkafka's memory: key, value and headers are views of what was fetched.
class RdMessage final : public Message {
 public:
  explicit RdMessage(MessageHandle message) : message_(std::move(message)) {}

  [[nodiscard]] std::int32_t partition() const override { return message_->partition; }
  [[nodiscard]] std::int64_t offset() const override { return message_->offset; }
  [[nodiscard]] std::string_view key() const override {
    return {static_cast<const char*>(message_->key), message_->key_len};
  }
  [[nodiscard]] std::span<const std::uint8_t> value() const override {
    return {static_cast<const std::uint8_t*>(message_->payload), message_->len};
  }
  [[nodiscard]] std::int64_t timestamp_ms() const override;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const override;

 private:
  MessageHandle message_;
};

}  // namespace kexp::kafka
