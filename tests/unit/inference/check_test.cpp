#include "kexp/inference/check.hpp"

#include <gmock/gmock.h>

#include "kexp/inference/darknet.hpp"

#include "darknet_files.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_detector.hpp"

namespace kexp::test {
namespace {

using inference::CheckedImage;
using inference::DetectorResult;
using inference::ModelCheck;

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    const DarknetModelFiles files = write_darknet_model(dir_);
    options_.model = dir_.write(
        "tiny.onnx", inference::convert_darknet({files.cfg, files.weights, files.names, {}, ""}).onnx);
  }
  ModelCheck check() {
    return {options_, clock_, [this](const auto&, const auto&) {
              auto detector = std::make_unique<FakeDetector>();
              detector->on_detect = on_detect_;
              return detector;
            }};
  }
  std::filesystem::path picture(const std::string& name, int width) {
    const auto bytes = image::encode_png(
        {width, 6, std::vector<std::uint8_t>(std::size_t{18} * static_cast<std::size_t>(width))});
    return dir_.write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

  TempDir dir_;
  FakeClock clock_;
  inference::CheckOptions options_;
  std::function<DetectorResult(const image::Image&)> on_detect_;
};

// OpenVINO compiles a network for each new form: the median of one picture was 180 ms where 3 were true.
TEST_F(CheckTest, DoesNotTellTheFirstRunOfAFormAsInference) {
  std::set<int> seen;
  on_detect_ = [&seen](const image::Image& image) {
    DetectorResult found = FakeDetector::answer(image);
    found.input_shape = {1, 3, 416, image.width == 8 ? 416 : 320};
    const bool first = image.width != 8 && seen.insert(image.width).second;
    found.inference = std::chrono::milliseconds(first ? 180 : 3);
    return found;
  };
  ModelCheck checked = check();

  for (const auto& file : {picture("square.png", 8), picture("wide.png", 16), picture("wide2.png", 16)}) {
    EXPECT_EQ(checked.check(file).found.inference, std::chrono::milliseconds(3)) << file;
  }
}

// An engine that cannot run one picture ended the whole check.
TEST_F(CheckTest, GoesOnAfterAPictureThatTheEngineCannotRun) {
  on_detect_ = [](const image::Image& image) -> DetectorResult {
    if (image.width == 16) {
      throw inference::ModelError("cannot run at this size");
    }
    return FakeDetector::answer(image);
  };
  ModelCheck checked = check();

  EXPECT_EQ(checked.check(picture("wide.png", 16)).error, "cannot run at this size");
  EXPECT_EQ(checked.check(picture("square.png", 8)).error, "");
}

}  // namespace
}  // namespace kexp::test
