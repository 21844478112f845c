#include "jpeg.hpp"

#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it before
#include <cstdlib>
#include <jerror.h>
#include <jpeglib.h>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

#include "exif.hpp"
#include "limits.hpp"
#include "orientation.hpp"

namespace kexp::image {

namespace {

/// libjpeg's way out of an error is a jump; nothing that it crosses may have a destructor. A warning of
/// corrupt or missing data leaves the same way: libjpeg would go on and fill the rest with grey.
struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf escape;
  std::array<char, JMSG_LENGTH_MAX> text;
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, manager->text.data());
  std::longjmp(manager->escape, 1);
}

void on_message(j_common_ptr info, int level) {
  // Some cameras write a version of JFIF that there never was; their pictures are whole.
  if (level < 0 && info->err->msg_code != JWRN_JFIF_MAJOR) {
    leave(info);
  }
}

/// A progressive JPEG of a few kilobytes may go over its pixels thousands of times. Encoders take about ten
/// scans.
constexpr int kMostScans = 100;

void count_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMostScans) {
    auto* manager = reinterpret_cast<ErrorManager*>(info->err);
    std::snprintf(manager->text.data(), manager->text.size(), "it has more than %d scans", kMostScans);
    std::longjmp(manager->escape, 1);
  }
}

jpeg_error_mgr* prepare(ErrorManager& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = leave;
  errors.base.emit_message = on_message;
  return &errors.base;
}

/// Runs `step`, which calls libjpeg and owns nothing. Errors: FailedError with libjpeg's text.
template <typename Step>
void guarded(ErrorManager& errors, const char* doing, const Step& step) {
  if (setjmp(errors.escape) != 0) {
    throw FailedError(fmt::format("cannot {} JPEG: {}", doing, errors.text.data()));
  }
  step();
}

class Decompressor {
 public:
  explicit Decompressor(std::span<const std::uint8_t> bytes) {
    info_.err = prepare(errors_);
    guarded(errors_, "read", [&] {
      jpeg_create_decompress(&info_);
      progress_.progress_monitor = count_scans;
      info_.progress = &progress_;
      jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
      jpeg_mem_src(&info_, bytes.data(), bytes.size());
    });
  }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor() { jpeg_destroy_decompress(&info_); }

  /// Stored width and height.
  Dimensions read_header() {
    guarded(errors_, "read", [&] { jpeg_read_header(&info_, TRUE); });
    if (info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK) {
      throw FailedError("cannot read JPEG: its colours are CMYK, wanted RGB or grey");
    }
    return checked_dimensions(info_.image_width, info_.image_height);
  }

  [[nodiscard]] Orientation orientation() const {
    constexpr std::array<std::uint8_t, 6> kExif{'E', 'x', 'i', 'f', 0, 0};
    for (const jpeg_marker_struct* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      const std::span<const std::uint8_t> data(marker->data, marker->data_length);
      if (data.size() > kExif.size() && std::equal(kExif.begin(), kExif.end(), data.begin())) {
        return exif_orientation(data.subspan(kExif.size()));
      }
    }
    return Orientation::upright;
  }

  /// Of a JPEG whose scans do not hold all of a row: libjpeg keeps all coefficients until the last scan.
  [[nodiscard]] std::uint64_t coefficient_bytes() {
    if (jpeg_has_multiple_scans(&info_) == FALSE) {
      return 0;
    }
    std::uint64_t blocks = 0;
    for (int i = 0; i < info_.num_components; ++i) {
      const jpeg_component_info& component = info_.comp_info[i];
      blocks += std::uint64_t{component.width_in_blocks} * component.height_in_blocks;
    }
    return blocks * sizeof(JBLOCK);
  }

  /// Writes all rows, and reads to the end of the file, where missing data shows too.
  void read_rows(std::uint8_t* bgr) {
    const std::size_t stride = std::size_t{info_.image_width} * 3;
    guarded(errors_, "read", [&] {
      info_.out_color_space = JCS_EXT_BGR;
      jpeg_start_decompress(&info_);
      while (info_.output_scanline < info_.output_height) {
        JSAMPROW row = bgr + info_.output_scanline * stride;
        jpeg_read_scanlines(&info_, &row, 1);
      }
      jpeg_finish_decompress(&info_);
    });
  }

 private:
  ErrorManager errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct info_{};
};

class Compressor {
 public:
  Compressor() {
    info_.err = prepare(errors_);
    guarded(errors_, "write", [&] {
      jpeg_create_compress(&info_);
      jpeg_mem_dest(&info_, &buffer_, &size_);
    });
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  ~Compressor() {
    jpeg_destroy_compress(&info_);
    std::free(buffer_);
  }

  std::vector<std::uint8_t> compress(const Image& image, int quality) {
    guarded(errors_, "write", [&] {
      info_.image_width = static_cast<JDIMENSION>(image.width);
      info_.image_height = static_cast<JDIMENSION>(image.height);
      info_.input_components = 3;
      info_.in_color_space = JCS_EXT_BGR;
      jpeg_set_defaults(&info_);
      jpeg_set_quality(&info_, quality, TRUE);
      jpeg_start_compress(&info_, TRUE);
      while (info_.next_scanline < info_.image_height) {
        // libjpeg only reads the row; its interface is older than const.
        JSAMPROW row =
            const_cast<JSAMPROW>(image.bgr.data()) + info_.next_scanline * std::size_t{3} * info_.image_width;
        jpeg_write_scanlines(&info_, &row, 1);
      }
      jpeg_finish_compress(&info_);
    });
    return {buffer_, buffer_ + size_};
  }

 private:
  ErrorManager errors_{};
  jpeg_compress_struct info_{};
  unsigned char* buffer_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

void decode_jpeg(std::span<const std::uint8_t> bytes, Image& image, const DecodeLimits& limits) {
  Decompressor decompressor(bytes);
  const Dimensions stored = decompressor.read_header();
  const Orientation orientation = decompressor.orientation();  // the markers are gone after the last row
  allocate(image, stored, {decompressor.coefficient_bytes(), orientation != Orientation::upright}, limits);
  decompressor.read_rows(image.bgr.data());
  apply_orientation(orientation, image);
}

Dimensions read_jpeg_dimensions(std::span<const std::uint8_t> bytes) {
  Decompressor decompressor(bytes);
  Dimensions dimensions = decompressor.read_header();
  if (swaps_sides(decompressor.orientation())) {
    std::swap(dimensions.width, dimensions.height);
  }
  return dimensions;
}

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  return Compressor().compress(image, quality);
}

}  // namespace kexp::image
