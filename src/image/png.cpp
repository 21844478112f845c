#include "png.hpp"

#include <array>
#include <csetjmp>
#include <cstring>
#include <png.h>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

#include "exif.hpp"
#include "limits.hpp"
#include "orientation.hpp"

namespace kexp::image {

namespace {

/// libpng's text of what went wrong; it leaves by a jump, so nothing that it crosses may have a destructor.
struct Failure {
  std::array<char, 256> text{};
};

[[noreturn]] void leave(png_structp png, png_const_charp text) {
  auto* failure = static_cast<Failure*>(png_get_error_ptr(png));
  std::strncpy(failure->text.data(), text, failure->text.size() - 1);
  png_longjmp(png, 1);
}

/// Runs `step`, which calls libpng and owns nothing. Errors: FailedError with libpng's text.
template <typename Step>
void guarded(png_structp png, const Failure& failure, const char* doing, const Step& step) {
  if (setjmp(png_jmpbuf(png)) != 0) {
    throw FailedError(fmt::format("cannot {} PNG: {}", doing, failure.text.data()));
  }
  step();
}

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {
    // Warnings leave as errors do: what is left to warn about (see below) are damaged pixels.
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure_, leave, leave);
    if (png_ == nullptr) {
      throw FailedError("cannot read PNG: out of memory");
    }
    info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw FailedError("cannot read PNG: out of memory");
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  /// Stored width and height.
  Dimensions read_header() {
    guarded(png_, failure_, "read", [this] {
      png_set_read_fn(png_, this, [](png_structp png, png_bytep out, std::size_t size) {
        static_cast<Reader*>(png_get_io_ptr(png))->take(out, size);
      });
      png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours come with a better text
      // Chunks that change no pixel (profiles, texts) are skipped: a strange one is no damage.
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
      constexpr std::array<png_byte, 5> kExif{'e', 'X', 'I', 'f', '\0'};
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_AS_DEFAULT, kExif.data(), 1);
      png_read_info(png_, info_);
    });
    return checked_dimensions(png_get_image_width(png_, info_), png_get_image_height(png_, info_));
  }

  /// Of an eXIf chunk before the pixels.
  [[nodiscard]] Orientation orientation() {
    png_uint_32 size = 0;
    png_bytep data = nullptr;
    if (png_get_eXIf_1(png_, info_, &size, &data) == 0 || data == nullptr) {
      return Orientation::upright;
    }
    return exif_orientation({data, size});
  }

  /// Writes all rows as 8-bit BGR, and reads to the end of the file.
  void read_rows(Image& image) {
    std::vector<png_bytep> rows(static_cast<std::size_t>(image.height));
    const std::size_t stride = std::size_t{3} * static_cast<std::size_t>(image.width);
    for (std::size_t y = 0; y < rows.size(); ++y) {
      rows[y] = image.bgr.data() + y * stride;
    }
    guarded(png_, failure_, "read", [&] {
      png_set_expand(png_);  // palette and grey below 8 bits
      png_set_strip_16(png_);
      png_set_strip_alpha(png_);
      png_set_gray_to_rgb(png_);
      png_set_bgr(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
      if (png_get_rowbytes(png_, info_) != stride) {
        png_error(png_, "pixels are not 3 bytes each");
      }
      png_read_image(png_, rows.data());
      png_read_end(png_, nullptr);
    });
  }

 private:
  void take(png_bytep out, std::size_t size) {
    if (size > rest_.size()) {
      png_error(png_, "the file ends too early");
    }
    std::memcpy(out, rest_.data(), size);
    rest_ = rest_.subspan(size);
  }

  std::span<const std::uint8_t> rest_;
  Failure failure_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

class Writer {
 public:
  Writer() : png_(png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure_, leave, leave)) {
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_write_struct(&png_, nullptr);
      throw FailedError("cannot write PNG: out of memory");
    }
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png_, &info_); }

  std::vector<std::uint8_t> write(const Image& image) {
    guarded(png_, failure_, "write", [&] {
      png_set_write_fn(
          png_, &bytes_,
          [](png_structp png, png_bytep data, std::size_t size) {
            auto* bytes = static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
            bytes->insert(bytes->end(), data, data + size);
          },
          nullptr);
      const auto width = static_cast<png_uint_32>(image.width);
      const auto height = static_cast<png_uint_32>(image.height);
      png_set_IHDR(png_, info_, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                   PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
      png_write_info(png_, info_);
      png_set_bgr(png_);
      for (png_uint_32 y = 0; y < height; ++y) {
        png_write_row(png_, image.bgr.data() + std::size_t{3} * width * y);
      }
      png_write_end(png_, nullptr);
    });
    return std::move(bytes_);
  }

 private:
  std::vector<std::uint8_t> bytes_;
  Failure failure_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

void decode_png(std::span<const std::uint8_t> bytes, Image& image, const DecodeLimits& limits) {
  Reader reader(bytes);
  const Dimensions stored = reader.read_header();
  const Orientation orientation = reader.orientation();
  allocate(image, stored, {0, orientation != Orientation::upright}, limits);
  reader.read_rows(image);
  apply_orientation(orientation, image);
}

Dimensions read_png_dimensions(std::span<const std::uint8_t> bytes) {
  Reader reader(bytes);
  Dimensions dimensions = reader.read_header();
  if (swaps_sides(reader.orientation())) {
    std::swap(dimensions.width, dimensions.height);
  }
  return dimensions;
}

std::vector<std::uint8_t> encode_png(const Image& image) { return Writer().write(image); }

}  // namespace kexp::image
