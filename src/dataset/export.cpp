#include "kexp/dataset/export.hpp"

#include <algorithm>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/image/image.hpp"

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

}  // namespace

std::uint64_t export_images(const Dataset& dataset, const std::filesystem::path& directory,
                            std::uint64_t count) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw FailedError(fmt::format("cannot make {}: {}", directory.string(), error.message()));
  }
  const std::uint64_t images = std::min<std::uint64_t>(count, dataset.items().size());
  for (std::uint64_t i = 0; i < images; ++i) {
    const Dataset::Item& item = dataset.items()[i];
    const auto file = directory / fmt::format("{}-{:06}.{}", dataset.sensors()[item.sensor], item.frame,
                                              extension(image::format_of(item.bytes)));
    if (std::filesystem::exists(file)) {
      throw UsageError(
          fmt::format("--out {}: {} is there already", directory.string(), file.filename().string()));
    }
    // Bytes as text: the file functions take either.
    write_file_atomically(file, {reinterpret_cast<const char*>(item.bytes.data()), item.bytes.size()});
  }
  return images;
}

}  // namespace kexp::dataset
