// What an image costs outside the network: decoding the file, the blob, the boxes.

#include <random>

#include <benchmark/benchmark.h>

#include "kexp/image/image.hpp"
#include "kexp/inference/decode.hpp"
#include "kexp/inference/letterbox.hpp"
#include "kexp/inference/nms.hpp"

namespace kexp {
namespace {

constexpr int kWidth = 768;
constexpr int kHeight = 576;
constexpr std::size_t kBoxes = 25'200;  // YOLOv5 at 640x640
constexpr std::size_t kClasses = 80;

/// Smooth, with some noise: compresses about as a photograph does.
image::Image picture() {
  std::mt19937 random(1);
  image::Image result{kWidth, kHeight, {}};
  for (unsigned y = 0; y < kHeight; ++y) {
    for (unsigned x = 0; x < kWidth; ++x) {
      for (unsigned channel = 0; channel < 3; ++channel) {
        result.bgr.push_back(static_cast<std::uint8_t>((x / 4 + y / 3 + channel * 40 + random() % 24) % 256));
      }
    }
  }
  return result;
}

void decode_jpeg(benchmark::State& state) {
  const auto bytes = image::encode_jpeg(picture(), 90);
  image::Image image;
  for (auto _ : state) {
    image::decode_into(bytes, image);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(decode_jpeg)->Unit(benchmark::kMillisecond);

void fill_blob(benchmark::State& state) {
  const image::Image image = picture();
  const auto side = static_cast<int>(state.range(0));
  const auto letterbox = inference::fit({kWidth, kHeight}, {side, side});
  std::vector<float> blob;
  for (auto _ : state) {
    inference::fill_blob(image, letterbox, blob);
    benchmark::DoNotOptimize(blob.data());
  }
}
BENCHMARK(fill_blob)->Arg(416)->Arg(640)->Unit(benchmark::kMillisecond);

/// Rows of which one in `one_in` is a candidate, near each other so that suppression has work.
std::vector<float> rows(unsigned one_in) {
  std::mt19937 random(2);
  std::vector<float> tensor(kBoxes * (5 + kClasses), 0.01F);
  for (std::size_t i = 0; i < kBoxes; ++i) {
    float* row = tensor.data() + i * (5 + kClasses);
    for (int k = 0; k < 4; ++k) {
      row[k] = static_cast<float>(random() % 200);
    }
    row[4] = random() % one_in == 0 ? 0.9F : 0.001F;
    row[5 + random() % kClasses] = 0.5F + static_cast<float>(random() % 100) / 250;
  }
  return tensor;
}

void decode_and_suppress(benchmark::State& state) {
  const auto tensor = rows(static_cast<unsigned>(state.range(0)));
  const inference::OutputLayout layout{inference::Layout::rows, kBoxes, kClasses};
  for (auto _ : state) {
    benchmark::DoNotOptimize(inference::suppress(inference::decode(layout, tensor, 0.25F), 0.45, 300));
  }
}
BENCHMARK(decode_and_suppress)->Arg(250)->Arg(10)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kexp
