#include "kexp/dataset/info.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/units.hpp"
#include "kexp/image/image.hpp"

#include "dataset_file.hpp"
#include "images_hash.hpp"

namespace kexp::dataset {

namespace {

const char* name_of(image::Format format) {
  switch (format) {
    case image::Format::jpeg:
      return "jpeg";
    case image::Format::png:
      return "png";
    case image::Format::unknown:
      break;
  }
  return "unknown";
}

std::string size_of(std::span<const std::uint8_t> bytes) {
  try {
    const image::Dimensions size = image::read_dimensions(bytes);
    return fmt::format("{}x{}", size.width, size.height);
  } catch (const FailedError&) {
    return "unreadable";
  }
}

double median(std::vector<std::uint64_t> sizes) {
  std::sort(sizes.begin(), sizes.end());
  const std::size_t middle = sizes.size() / 2;
  const auto upper = static_cast<double>(sizes[middle]);
  return sizes.size() % 2 == 1 ? upper : (static_cast<double>(sizes[middle - 1]) + upper) / 2;
}

std::string counts_text(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
  }
  return text;
}

}  // namespace

DatasetInfo inspect(const std::filesystem::path& file, std::string_view flag) {
  DatasetFile dataset(file, flag);
  DatasetInfo info;
  std::vector<std::uint64_t> sizes;
  ImagesHash hash;
  dataset.visit([&](const Place&, std::span<const std::uint8_t> image) {
    sizes.push_back(image.size());
    info.total_bytes += image.size();
    ++info.formats[name_of(image::format_of(image))];
    ++info.sizes[size_of(image)];
    hash.add(image);
  });
  info.sensors = dataset.sensors();
  info.frames = dataset.frames();
  info.images = sizes.size();
  info.min_bytes = *std::min_element(sizes.begin(), sizes.end());  // A dataset has at least one image.
  info.max_bytes = *std::max_element(sizes.begin(), sizes.end());
  info.mean_bytes = static_cast<double>(info.total_bytes) / static_cast<double>(info.images);
  info.median_bytes = median(std::move(sizes));
  info.images_per_s_at_1_mbps = 1e6 / info.mean_bytes;
  info.hash = hash.hex();
  return info;
}

Json to_json(const DatasetInfo& info) {
  return {{"sensors", info.sensors},
          {"frames", info.frames},
          {"images", info.images},
          {"bytes",
           {{"total", info.total_bytes},
            {"min", info.min_bytes},
            {"median", info.median_bytes},
            {"mean", info.mean_bytes},
            {"max", info.max_bytes}}},
          {"formats", info.formats},
          {"sizes", info.sizes},
          {"images_per_s_at_1_mbps", info.images_per_s_at_1_mbps},
          {"hash", info.hash}};
}

std::string to_text(const DatasetInfo& info) {
  const auto size = [](auto bytes) { return format_bytes(static_cast<double>(bytes)); };
  return fmt::format(
      "images   {} in {} frames\n"
      "sensors  {}: {}\n"
      "bytes    {}: min {}, median {}, mean {}, max {}\n"
      "formats  {}\n"
      "sizes    {}\n"
      "rate     {:.2f} images/s at 1 MB/s\n"
      "hash     {}\n",
      info.images, info.frames, info.sensors.size(), fmt::join(info.sensors, ", "), size(info.total_bytes),
      size(info.min_bytes), size(info.median_bytes), size(info.mean_bytes), size(info.max_bytes),
      counts_text(info.formats), counts_text(info.sizes), info.images_per_s_at_1_mbps, info.hash);
}

}  // namespace kexp::dataset
