#include "exif.hpp"

#include <optional>

namespace kexp::image {

namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::uint16_t kTypeShort = 3;
constexpr std::size_t kEntryBytes = 12;

/// Reads numbers of a TIFF block in its own byte order, never beyond its end.
class TiffReader {
 public:
  explicit TiffReader(std::span<const std::uint8_t> bytes)
      : bytes_(bytes), little_(!bytes.empty() && bytes[0] == 'I') {}

  [[nodiscard]] std::optional<std::uint32_t> u16(std::size_t at) const { return number(at, 2); }
  [[nodiscard]] std::optional<std::uint32_t> u32(std::size_t at) const { return number(at, 4); }

 private:
  [[nodiscard]] std::optional<std::uint32_t> number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) {
      return std::nullopt;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8 | bytes_[little_ ? at + size - 1 - i : at + i];
    }
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  bool little_;
};

bool has_tiff_header(std::span<const std::uint8_t> tiff, const TiffReader& reader) {
  const bool order_known = tiff.size() >= 2 && tiff[0] == tiff[1] && (tiff[0] == 'I' || tiff[0] == 'M');
  return order_known && reader.u16(2) == 42U;
}

}  // namespace

Orientation exif_orientation(std::span<const std::uint8_t> tiff) {
  const TiffReader reader(tiff);
  if (!has_tiff_header(tiff, reader)) {
    return Orientation::upright;
  }
  const std::optional<std::uint32_t> directory = reader.u32(4);
  const std::optional<std::uint32_t> entries = directory ? reader.u16(*directory) : std::nullopt;
  for (std::uint32_t i = 0; i < entries.value_or(0); ++i) {
    const std::size_t entry = std::size_t{*directory} + 2 + i * kEntryBytes;
    const std::optional<std::uint32_t> tag = reader.u16(entry);
    if (!tag) {
      break;
    }
    if (*tag == kOrientationTag && reader.u16(entry + 2) == std::uint32_t{kTypeShort}) {
      const std::uint32_t value = reader.u16(entry + 8).value_or(1);
      return value >= 1 && value <= 8 ? static_cast<Orientation>(value) : Orientation::upright;
    }
  }
  return Orientation::upright;
}

}  // namespace kexp::image
