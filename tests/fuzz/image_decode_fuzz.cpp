// A message of the input topic as a picture: JPEG, PNG and the EXIF block in them.

#include <optional>

#include "kexp/core/error.hpp"
#include "kexp/image/image.hpp"

#include "exif.hpp"
#include "target.hpp"

namespace {

using kexp::fuzz::require;

// Larger ones take long, and do nothing else. That far larger ones are refused shows all the same.
constexpr std::int64_t kMostPixels = 1 << 20;

/// nullopt when the picture is refused: what an answer with errors = 1 says.
template <typename Read>
auto accepted(const Read& read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const kexp::FailedError&) {
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  static_cast<void>(kexp::image::exif_orientation(bytes));
  const auto dimensions = accepted([&] { return kexp::image::read_dimensions(bytes); });
  if (dimensions && std::int64_t{dimensions->width} * dimensions->height > kMostPixels) {
    return 0;
  }
  const auto image = accepted([&] { return kexp::image::decode(bytes); });
  if (image) {
    require(dimensions && image->width == dimensions->width && image->height == dimensions->height,
            "both readers see one size");
    require(image->bgr.size() == std::size_t{3} * static_cast<std::size_t>(image->width) *
                                     static_cast<std::size_t>(image->height),
            "there are as many pixels as the size says");
  }
  return 0;
}
