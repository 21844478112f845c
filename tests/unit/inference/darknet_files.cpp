#include "darknet_files.hpp"

#include <cstdint>
#include <random>

namespace kexp::test {

namespace {

constexpr const char* kCfg = R"([net]
# comments and training's settings are skipped
width=64
height=64
channels=3
learning_rate=0.001

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=16
size=3
stride=1
pad=1
activation=mish

[route]
layers=-1
groups=2
group_id=1

[convolutional]
batch_normalize=1
filters=8
size=1
stride=1
pad=1
activation=relu

[shortcut]
from=-2
activation=linear

[maxpool]
size=2
stride=2

[maxpool]
size=2
stride=1

[convolutional]
batch_normalize=1
filters=16
size=3
stride=2
pad=1
activation=leaky

[convolutional]
size=1
stride=1
pad=1
filters=21
activation=linear

[yolo]
mask = 3,4,5
anchors = 5,7, 10,14, 14,9, 20,30, 33,23, 60,50
classes=2
num=6
scale_x_y=1.05

[route]
layers = -3

[upsample]
stride=2

[route]
layers = -1, 7

[convolutional]
size=1
stride=1
pad=1
filters=21
activation=linear

[yolo]
mask = 0,1,2
anchors = 5,7, 10,14, 14,9, 20,30, 33,23, 60,50
classes=2
num=6
)";

/// Weights as a trained network may have them: no variance is 0 or negative.
class WeightsWriter {
 public:
  WeightsWriter() {
    for (const std::int32_t part : {0, 2, 0, 0, 0}) {  // version 0.2.0, images seen in 64 bits
      append(&part, sizeof(part));
    }
  }

  WeightsWriter& convolution(int inputs, int filters, int kernel, bool normalised) {
    numbers(filters, -0.5F, 0.5F);  // biases
    if (normalised) {
      numbers(filters, 0.5F, 1.5F);   // scales
      numbers(filters, -0.3F, 0.3F);  // means
      numbers(filters, 0.5F, 2.0F);   // variances
    }
    numbers(inputs * filters * kernel * kernel, -0.4F, 0.4F);
    return *this;
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void numbers(int count, float least, float most) {
    std::uniform_real_distribution<float> values(least, most);
    for (int i = 0; i < count; ++i) {
      const float value = values(random_);
      append(&value, sizeof(value));
    }
  }
  void append(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }

  std::mt19937 random_{20261121};
  std::string bytes_;
};

}  // namespace

DarknetModelFiles write_darknet_model(const TempDir& dir) { return write_darknet_model(dir, "", ""); }

DarknetModelFiles write_darknet_model(const TempDir& dir, const std::string& from, const std::string& to) {
  WeightsWriter weights;
  weights.convolution(3, 8, 3, true)
      .convolution(8, 16, 3, true)
      .convolution(8, 8, 1, true)
      .convolution(8, 16, 3, true)
      .convolution(16, 21, 1, false)
      .convolution(24, 21, 1, false);
  std::string cfg = kCfg;
  cfg.replace(cfg.find(from), from.size(), to);
  return {dir.write("tiny.cfg", cfg), dir.write("tiny.weights", weights.bytes()),
          dir.write("tiny.names", "person\ncar\n")};
}

}  // namespace kexp::test
