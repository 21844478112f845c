#include "darknet_weights.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include "kexp/inference/detector.hpp"
#include "kexp/inference/model_info.hpp"

namespace kexp::inference {

static_assert(std::endian::native == std::endian::little, "weights files are little-endian");

DarknetWeights::DarknetWeights(const std::filesystem::path& file)
    : file_(file), bytes_(read_model_file(file)) {
  std::array<std::int32_t, 3> version{};  // major, minor, revision
  if (bytes_.size() >= sizeof(version)) {
    std::memcpy(version.data(), bytes_.data(), sizeof(version));
  }
  // The count of images seen in training follows, in 8 bytes since version 0.2.
  const bool known = version[0] >= 0 && version[0] < 1000 && version[1] >= 0 && version[1] < 1000;
  header_ = sizeof(version) + (known && version[0] * 10 + version[1] >= 2 ? 8U : 4U);
  if (!known || bytes_.size() < header_ || (bytes_.size() - header_) % sizeof(float) != 0) {
    throw ModelError(fmt::format("{}: no Darknet weights: {} bytes are no header and whole numbers",
                                 file.string(), bytes_.size()));
  }
  total_ = (bytes_.size() - header_) / sizeof(float);
}

std::vector<float> DarknetWeights::take(std::size_t count, const std::string& layer) {
  if (count > total_ - taken_) {
    throw ModelError(
        fmt::format("{}the weights file {} is too short: this layer wants {} numbers, {} of {} are left",
                    layer, file_.string(), count, total_ - taken_, total_));
  }
  std::vector<float> numbers(count);
  std::memcpy(numbers.data(), bytes_.data() + header_ + taken_ * sizeof(float), count * sizeof(float));
  taken_ += count;
  return numbers;
}

void DarknetWeights::expect_end() const {
  if (taken_ != total_) {
    throw ModelError(
        fmt::format("the weights file {} is too long for this cfg: {} of {} numbers are left over",
                    file_.string(), total_ - taken_, total_));
  }
}

}  // namespace kexp::inference
