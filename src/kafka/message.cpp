#include "message.hpp"

namespace kexp::kafka {

std::int64_t RdMessage::timestamp_ms() const {
  return rd_kafka_message_timestamp(message_.get(), /*tstype=*/nullptr);
}

std::optional<std::string_view> RdMessage::header(std::string_view name) const {
  rd_kafka_headers_t* headers = nullptr;  // The message keeps them.
  if (rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::nullopt;
  }
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_header_get_last(headers, std::string(name).c_str(), &value, &size) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::nullopt;
  }
  return std::string_view(static_cast<const char*>(value), size);
}

}  // namespace kexp::kafka
