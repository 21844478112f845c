#include "kexp/dataset/export.hpp"

#include <algorithm>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/image/image.hpp"

#include "dataset_file.hpp"

namespace kexp::dataset {
namespace {

const char* extension(image::Format format) {
  switch (format) {
    case image::Format::jpeg:
      return "jpg";
    case image::Format::png:
      return "png";
    case image::Format::unknown:
      break;
  }
  return "bin";
}

void write_image(const std::filesystem::path& file, std::span<const std::uint8_t> image) {
  if (std::filesystem::exists(file)) {
    throw UsageError(
        fmt::format("--out {}: {} is there already", file.parent_path().string(), file.filename().string()));
  }
  // Bytes as text: the file functions take either.
  write_file_atomically(file, {reinterpret_cast<const char*>(image.data()), image.size()});
}

}  // namespace

std::uint64_t export_images(const std::filesystem::path& file, std::string_view flag,
                            const std::filesystem::path& directory, std::uint64_t count) {
  DatasetFile dataset(file, flag);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw FailedError(fmt::format("cannot make {}: {}", directory.string(), error.message()));
  }
  const std::uint64_t images = std::min<std::uint64_t>(count, dataset.places().size());
  dataset.visit_first(images, [&](const Place& place, std::span<const std::uint8_t> image) {
    write_image(directory / fmt::format("{}-{:06}.{}", dataset.sensors()[place.sensor],
                                        dataset.frame_of(place), extension(image::format_of(image))),
                image);
  });
  return images;
}

}  // namespace kexp::dataset
