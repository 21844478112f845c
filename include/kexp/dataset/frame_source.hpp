#pragma once

/// Pictures that JPEG and PNG readers cannot give: videos, and every other image format. The work is done by
/// the module lib/kexp/kexp_media.so (OpenCV's videoio and imgcodecs), which is loaded on first use, so that
/// nobody else pays for it at start-up.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "kexp/image/image.hpp"

namespace kexp::dataset {

/// Pictures one after the other. Threads: one at a time per object.
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  /// Decodes the next picture into `image`, whose memory is used again; false at the end.
  /// Errors: FailedError naming the source.
  [[nodiscard]] virtual bool next(image::Image& image) = 0;
};

/// Opens a video file, or a stream by its URL.
/// Errors: UsageError naming --video when there is none, or naming what is missing without the module;
/// FailedError when it is no video.
[[nodiscard]] std::unique_ptr<FrameSource> open_video(const std::string& file_or_url);

/// Reads an image of any format that OpenCV knows (TIFF, WebP, BMP …), of several pictures the first one.
/// Errors: UsageError without the module; FailedError naming the file.
[[nodiscard]] image::Image read_other_image(const std::filesystem::path& file);

/// Where the module was found: $KEXP_LIB_DIR, else lib/kexp beside the folder of the executable. nullopt when
/// this build has none.
[[nodiscard]] std::optional<std::filesystem::path> media_module();

}  // namespace kexp::dataset
