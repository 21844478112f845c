#include "kexp/image/image.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

#include "jpeg.hpp"
#include "limits.hpp"
#include "png.hpp"

namespace kexp::image {

namespace {

bool starts_with(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

FailedError no_image(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) {
    return FailedError("no image: 0 bytes");
  }
  return FailedError(fmt::format("no JPEG or PNG: {} bytes that start with {:02x}", bytes.size(),
                                 fmt::join(bytes.first(std::min<std::size_t>(bytes.size(), 4)), " ")));
}

}  // namespace

Dimensions checked_dimensions(std::uint32_t width, std::uint32_t height) {
  if (width == 0 || height == 0 || width > kMaxSide || height > kMaxSide) {
    throw FailedError(
        fmt::format("the picture is {} x {} pixels, wanted 1 to {} a side", width, height, kMaxSide));
  }
  if (std::uint64_t{width} * height > kMaxPixels) {
    throw FailedError(fmt::format("the picture is {} x {} pixels, more than {} million in all", width, height,
                                  kMaxPixels / 1'000'000));
  }
  return {static_cast<int>(width), static_cast<int>(height)};
}

std::uint64_t bytes_of(Dimensions stored) {
  return std::uint64_t{3} * static_cast<std::uint64_t>(stored.width) *
         static_cast<std::uint64_t>(stored.height);
}

void allocate(Image& image, Dimensions stored, const DecodeNeeds& needs, const DecodeLimits& limits) {
  const std::uint64_t pixels = bytes_of(stored);
  // The coefficients are gone before the copy is made.
  const std::uint64_t peak = pixels + std::max(needs.beside_pixels, needs.turned ? pixels : 0);
  if (peak > limits.memory_bytes) {
    constexpr double kMegabyte = 1e6;
    throw FailedError(fmt::format(
        "the picture is {} x {} pixels and needs {:.0f} MB to decode, there is room for {:.0f} MB",
        stored.width, stored.height, static_cast<double>(peak) / kMegabyte,
        static_cast<double>(limits.memory_bytes) / kMegabyte));
  }
  if (image.bgr.capacity() < pixels) {
    image.bgr = {};  // Growing would hold the last picture beside this one.
  }
  image.width = stored.width;
  image.height = stored.height;
  image.bgr.resize(pixels);
}

Format format_of(std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::uint8_t, 3> kJpeg{0xFF, 0xD8, 0xFF};
  constexpr std::array<std::uint8_t, 8> kPng{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  if (starts_with(bytes, kJpeg)) {
    return Format::jpeg;
  }
  return starts_with(bytes, kPng) ? Format::png : Format::unknown;
}

void decode_into(std::span<const std::uint8_t> bytes, Image& image, const DecodeLimits& limits) {
  try {
    switch (format_of(bytes)) {
      case Format::jpeg:
        return decode_jpeg(bytes, image, limits);
      case Format::png:
        return decode_png(bytes, image, limits);
      case Format::unknown:
        throw no_image(bytes);
    }
  } catch (...) {
    image.width = image.height = 0;  // never half a picture; the memory stays for the next one
    image.bgr.clear();
    throw;
  }
}

void release_large(Image& image) {
  constexpr std::size_t kKeptBytes = 64'000'000;
  image.width = image.height = 0;
  image.bgr.clear();
  if (image.bgr.capacity() > kKeptBytes) {
    image.bgr.shrink_to_fit();
  }
}

Image decode(std::span<const std::uint8_t> bytes) {
  Image image;
  decode_into(bytes, image);
  return image;
}

Dimensions read_dimensions(std::span<const std::uint8_t> bytes) {
  switch (format_of(bytes)) {
    case Format::jpeg:
      return read_jpeg_dimensions(bytes);
    case Format::png:
      return read_png_dimensions(bytes);
    case Format::unknown:
      break;
  }
  throw no_image(bytes);
}

}  // namespace kexp::image
