#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kexp/image/image.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::test {

/// A message whose every part the test chooses; says when it was released.
class TestMessage final : public kafka::Message {
 public:
  TestMessage(std::int32_t partition, std::int64_t offset) : partition_(partition), offset_(offset) {}
  ~TestMessage() override {
    if (released != nullptr) {
      *released = true;
    }
  }
  [[nodiscard]] std::int32_t partition() const override { return partition_; }
  [[nodiscard]] std::int64_t offset() const override { return offset_; }
  [[nodiscard]] std::string_view key() const override { return key_text; }
  [[nodiscard]] std::span<const std::uint8_t> value() const override { return bytes; }
  [[nodiscard]] std::int64_t timestamp_ms() const override { return created_ms; }
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const override {
    return name == "kexp-run" ? std::optional<std::string_view>(run) : std::nullopt;
  }

  std::string key_text;
  std::vector<std::uint8_t> bytes;
  std::int64_t created_ms = 0;
  std::optional<std::string> run;
  bool* released = nullptr;

 private:
  std::int32_t partition_;
  std::int64_t offset_;
};

/// A small grey picture as PNG.
inline std::vector<std::uint8_t> png(int width = 8, int height = 6) {
  image::Image image;
  image.width = width;
  image.height = height;
  image.bgr.assign(static_cast<std::size_t>(3 * width * height), 128);
  return image::encode_png(image);
}

}  // namespace kexp::test
