#include "picture_files.hpp"

#include <cstdio>  // jpeglib.h needs it before
#include <cstdlib>
#include <jpeglib.h>
#include <png.h>

namespace kexp::test {

namespace {

void append(Bytes& bytes, std::uint32_t value, int size, bool big_endian) {
  for (int i = 0; i < size; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8 * (big_endian ? size - 1 - i : i)));
  }
}

struct JpegLayout {
  J_COLOR_SPACE colours;
  int components;
  bool progressive = false;
  std::vector<jpeg_scan_info> scans{};  ///< Empty: the usual ones.
};

Bytes jpeg_file(int width, int height, const JpegLayout& layout, const Bytes& samples) {
  jpeg_error_mgr errors;
  jpeg_compress_struct info;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = layout.components;
  info.in_color_space = layout.colours;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  if (layout.progressive) {
    jpeg_simple_progression(&info);
  }
  if (!layout.scans.empty()) {
    info.scan_info = layout.scans.data();
    info.num_scans = static_cast<int>(layout.scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(samples.data()) + std::size_t{info.next_scanline} * info.image_width *
                                                              static_cast<std::size_t>(layout.components);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  Bytes result(buffer, buffer + size);
  std::free(buffer);
  return result;
}

struct PngWriter {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  Bytes bytes;

  PngWriter() {
    png_set_write_fn(
        png, &bytes,
        [](png_structp writer, png_bytep data, std::size_t size) {
          auto* out = static_cast<Bytes*>(png_get_io_ptr(writer));
          out->insert(out->end(), data, data + size);
        },
        nullptr);
  }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }

  void write(int width, int height, const PngLayout& layout, const Bytes& samples) {
    png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), layout.depth,
                 layout.colour_type, layout.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    const std::size_t stride = samples.size() / static_cast<std::size_t>(height);
    Bytes copy = samples;
    std::vector<png_bytep> rows;
    for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
      rows.push_back(copy.data() + y * stride);
    }
    png_write_image(png, rows.data());
    png_write_end(png, nullptr);
  }
};

}  // namespace

image::Image gradient(int width, int height) {
  image::Image result{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      result.bgr.push_back(static_cast<std::uint8_t>(40 + 150 * x / width));
      result.bgr.push_back(static_cast<std::uint8_t>(60 + 150 * y / height));
      result.bgr.push_back(static_cast<std::uint8_t>(200 - 100 * x / width));
    }
  }
  return result;
}

std::vector<int> pixel_of(const image::Image& image, int x, int y) {
  const auto* at = image.bgr.data() + 3 * (static_cast<std::ptrdiff_t>(y) * image.width + x);
  return {at[0], at[1], at[2]};
}

Bytes exif_block(int orientation, bool big_endian) {
  Bytes block;
  const auto put = [&](std::uint32_t value, int size) { append(block, value, size, big_endian); };
  block.assign(2, big_endian ? 'M' : 'I');
  put(42, 2);
  put(8, 4);       // the directory follows
  put(1, 2);       // one entry
  put(0x0112, 2);  // orientation
  put(3, 2);       // SHORT
  put(1, 4);
  put(static_cast<std::uint32_t>(orientation), 2);
  put(0, 2);
  put(0, 4);  // no further directory
  return block;
}

Bytes jpeg_with_orientation(const image::Image& image, int orientation, bool big_endian) {
  Bytes jpeg = image::encode_jpeg(image, 95);
  Bytes marker{0xFF, 0xE1};
  const Bytes block = exif_block(orientation, big_endian);
  append(marker, static_cast<std::uint32_t>(2 + 6 + block.size()), 2, true);
  for (const char c : {'E', 'x', 'i', 'f', '\0', '\0'}) {
    marker.push_back(static_cast<std::uint8_t>(c));
  }
  marker.insert(marker.end(), block.begin(), block.end());
  jpeg.insert(jpeg.begin() + 2, marker.begin(), marker.end());
  return jpeg;
}

Bytes cmyk_jpeg(int width, int height) {
  return jpeg_file(width, height, {JCS_CMYK, 4}, Bytes(static_cast<std::size_t>(4 * width * height)));
}

Bytes grey_jpeg(int width, int height) {
  Bytes samples;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      samples.push_back(static_cast<std::uint8_t>(x + y));
    }
  }
  return jpeg_file(width, height, {JCS_GRAYSCALE, 1}, samples);
}

Bytes progressive_jpeg(const image::Image& image) {
  return jpeg_file(image.width, image.height, {JCS_EXT_BGR, 3, true}, image.bgr);
}

Bytes jpeg_of_many_scans(const image::Image& image) {
  constexpr int kComponents = 3;
  constexpr int kCoefficients = 64;
  std::vector<jpeg_scan_info> scans{{kComponents, {0, 1, 2}, 0, 0, 0, 0}};
  for (int component = 0; component < kComponents; ++component) {
    for (int coefficient = 1; coefficient < kCoefficients; ++coefficient) {
      scans.push_back({1, {component}, coefficient, coefficient, 0, 0});
    }
  }
  return jpeg_file(image.width, image.height, {JCS_EXT_BGR, kComponents, true, scans}, image.bgr);
}

Bytes jpeg_claiming(Bytes jpeg, std::uint16_t width, std::uint16_t height) {
  for (std::size_t i = 0; i + 8 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && (jpeg[i + 1] == 0xC0 || jpeg[i + 1] == 0xC2)) {  // a frame: length, depth, sides
      jpeg[i + 5] = static_cast<std::uint8_t>(height >> 8);
      jpeg[i + 6] = static_cast<std::uint8_t>(height);
      jpeg[i + 7] = static_cast<std::uint8_t>(width >> 8);
      jpeg[i + 8] = static_cast<std::uint8_t>(width);
      break;
    }
  }
  return jpeg;
}

Bytes png_claiming(std::uint32_t width, std::uint32_t height) {
  constexpr std::ptrdiff_t kSignature = 8;
  constexpr std::ptrdiff_t kHeaderChunk = 25;
  Bytes header;
  append(header, width, 4, true);
  append(header, height, 4, true);
  header.insert(header.end(), {8, PNG_COLOR_TYPE_RGB, 0, 0, 0});
  Bytes png = with_chunk(image::encode_png(gradient(4, 3)), "IHDR", header);
  png.erase(png.begin() + kSignature, png.begin() + kSignature + kHeaderChunk);  // the true one
  return png;
}

Bytes png_file(int width, int height, const PngLayout& layout, const Bytes& samples) {
  PngWriter writer;
  writer.write(width, height, layout, samples);
  return writer.bytes;
}

Bytes palette_png(int width, int height, const Bytes& indices) {
  PngWriter writer;
  const std::vector<png_color> colours{{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
  png_set_PLTE(writer.png, writer.info, colours.data(), static_cast<int>(colours.size()));
  writer.write(width, height, {PNG_COLOR_TYPE_PALETTE, 8, 1}, indices);
  return writer.bytes;
}

Bytes with_chunk(const Bytes& png, const char* type, const Bytes& data) {
  constexpr std::ptrdiff_t kAfterHeader = 8 + 25;
  Bytes body(type, type + 4);
  body.insert(body.end(), data.begin(), data.end());
  Bytes chunk;
  append(chunk, static_cast<std::uint32_t>(data.size()), 4, true);
  chunk.insert(chunk.end(), body.begin(), body.end());
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::uint8_t byte : body) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
    }
  }
  append(chunk, ~crc, 4, true);
  Bytes result = png;
  result.insert(result.begin() + kAfterHeader, chunk.begin(), chunk.end());
  return result;
}

}  // namespace kexp::test
