#include "graph_detector.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/inference/darknet.hpp"

#include "darknet_files.hpp"
#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::DetectorOptions;
using inference::DetectorResult;
using inference::TensorView;
using ::testing::HasSubstr;

constexpr std::size_t kFields = 7;  // of an anchor: the box, objectness, two classes
enum Field : std::size_t { width = 2, objectness = 4, person = 5, car = 6 };

/// One output of 3 anchors, which sees nothing until something is set.
class Output {
 public:
  explicit Output(std::size_t cells) : side_(cells), values_(3 * kFields * cells * cells, 0) {
    for (std::size_t anchor = 0; anchor < 3; ++anchor) {
      for (std::size_t cell = 0; cell < cells * cells; ++cell) {
        at(anchor, objectness, cell) = -20;
      }
    }
  }
  float& at(std::size_t anchor, std::size_t field, std::size_t cell) {
    return values_[(anchor * kFields + field) * side_ * side_ + cell];
  }
  [[nodiscard]] TensorView view() const {
    const auto side = static_cast<std::int64_t>(side_);
    return {{1, 3 * kFields, side, side}, values_.data()};
  }

 private:
  std::size_t side_;
  std::vector<float> values_;
};

/// Answers with what the test sets, whatever it is shown.
class SetEngine final : public inference::Engine {
 public:
  explicit SetEngine(const std::vector<Output>& outputs) : outputs_(outputs) {}
  const std::string& name() const override { return name_; }
  std::string description() const override { return name_; }
  std::vector<TensorView> run(std::vector<float>& /*blob*/, Size2 /*size*/) override {
    std::vector<TensorView> views;
    for (const Output& output : outputs_) {
      views.push_back(output.view());
    }
    return views;
  }
  std::vector<inference::LayerTime> layer_times() override { return {}; }

 private:
  const std::vector<Output>& outputs_;
  std::string name_ = "set";
};

class GraphDetectorTest : public ::testing::Test {
 protected:
  /// The detections of a picture as large as the network's input.
  DetectorResult detect() {
    const TempDir dir;
    const DarknetModelFiles files = write_darknet_model(dir);
    const std::string content =
        inference::convert_darknet({files.cfg, files.weights, files.names, {}, ""}).onnx;
    const auto detector = inference::make_graph_detector(
        "m.onnx", inference::prepare_graph("m.onnx", content), options_,
        [this](const inference::EngineInput&) { return std::make_unique<SetEngine>(outputs_); });
    return detector->detect({64, 64, std::vector<std::uint8_t>(std::size_t{3} * 64 * 64)});
  }
  void set_object(std::size_t anchor, Field label, float score) {
    outputs_[0].at(anchor, objectness, kCell) = score;
    outputs_[0].at(anchor, label, kCell) = 10;
  }

  static constexpr std::size_t kCell = 20;
  std::vector<Output> outputs_{Output(8), Output(4)};  // strides 8 and 16
  DetectorOptions options_;
};

TEST_F(GraphDetectorTest, LeavesOutABoxThatIsNotFinite) {
  set_object(0, person, 5);
  set_object(1, car, 9);
  outputs_[0].at(1, width, kCell) = 200;  // its exponential is infinite

  const DetectorResult found = detect();

  ASSERT_EQ(found.detections.size(), 1U);
  EXPECT_EQ(found.detections[0].class_id, 0);
  EXPECT_TRUE(std::isfinite(found.detections[0].width));
}

// Chosen after the maximum, a crowd of other classes would leave none of the wanted.
TEST_F(GraphDetectorTest, ChoosesClassesBeforeTheMaximum) {
  set_object(0, person, 9);
  set_object(1, car, 5);
  options_.max_detections = 1;
  EXPECT_EQ(detect().detections.at(0).class_id, 0);

  options_.classes = {"car"};
  const DetectorResult found = detect();

  ASSERT_EQ(found.detections.size(), 1U);
  EXPECT_EQ(found.detections[0].class_id, 1);
}

TEST_F(GraphDetectorTest, TakesClassesByIdAndLabel) {
  set_object(0, person, 9);
  set_object(1, car, 5);
  options_.classes = {"1", "person"};
  EXPECT_EQ(detect().detections.size(), 2U);
  options_.classes = {"1"};
  EXPECT_EQ(detect().detections.size(), 1U);
}

TEST_F(GraphDetectorTest, RefusesAClassThatTheModelHasNot) {
  options_.classes = {"persom"};
  EXPECT_THAT(message_of<UsageError>([this] { detect(); }),
              HasSubstr("--classes: m has no class \"persom\" (did you mean person?); its classes are 0 "
                        "(person) to 1 (car)"));
  options_.classes = {"2"};
  EXPECT_THAT(message_of<UsageError>([this] { detect(); }), HasSubstr("m has no class \"2\""));
}

TEST(CheckFitTest, NamesASizeOrAClassThatTheModelHasNot) {
  const TempDir dir;
  const DarknetModelFiles files = write_darknet_model(dir);
  const auto model =
      dir.write("m.onnx", inference::convert_darknet({files.cfg, files.weights, files.names, {}, ""}).onnx);
  DetectorOptions options;
  options.classes = {"persom"};
  EXPECT_THAT(message_of<UsageError>([&] { inference::check_fit(model, options); }),
              HasSubstr("--classes: m has no class \"persom\""));
  options.classes = {"car"};
  options.input = inference::parse_input_size("13x7", "--input");
  EXPECT_THAT(message_of<inference::ModelError>([&] { inference::check_fit(model, options); }),
              HasSubstr("m.onnx: cannot run at 13x7 (--input): its sides have to be multiples of 16"));
  options.input = inference::parse_input_size("48x32", "--input");
  EXPECT_NO_THROW(inference::check_fit(model, options));
}

TEST(CheckFitTest, ReadsNothingWhereNothingIsAskedFor) {
  EXPECT_NO_THROW(inference::check_fit("/no/such.onnx", {}));
}

/// A graph that finishes its boxes itself, as many as the test sets.
class FinishedBoxesTest : public ::testing::Test {
 protected:
  class RowsEngine final : public inference::Engine {
   public:
    explicit RowsEngine(const std::int64_t& rows) : rows_(rows) {}
    const std::string& name() const override { return name_; }
    std::string description() const override { return name_; }
    std::vector<TensorView> run(std::vector<float>& /*blob*/, Size2 /*size*/) override {
      return {{{1, rows_, 6}, values_.data()}};
    }
    std::vector<inference::LayerTime> layer_times() override { return {}; }

   private:
    const std::int64_t& rows_;
    std::vector<float> values_{8, 8, 16, 16, 0.9F, 0, 32, 32, 48, 48, 0.8F, 1};
    std::string name_ = "rows";
  };

  FinishedBoxesTest() {
    inference::PreparedGraph graph;
    graph.info.name = "finished";
    graph.info.size = {64, 64};
    graph.info.labels = {"person", "car"};
    graph.outputs = {"output0"};
    detector_ = inference::make_graph_detector(
        "finished.onnx", std::move(graph), {},
        [this](const inference::EngineInput&) { return std::make_unique<RowsEngine>(rows_); });
  }
  std::size_t found() {
    return detector_->detect({64, 64, std::vector<std::uint8_t>(std::size_t{3} * 64 * 64)}).detections.size();
  }

  std::int64_t rows_ = 2;
  std::unique_ptr<inference::Detector> detector_;
};

// As many were read as in the first run, beyond the end of those that were there.
TEST_F(FinishedBoxesTest, TakesAsManyBoxesAsThereAreEachTime) {
  EXPECT_EQ(found(), 2U);
  rows_ = 1;
  EXPECT_EQ(found(), 1U);
  rows_ = 0;
  EXPECT_EQ(found(), 0U);
  rows_ = 2;
  EXPECT_EQ(found(), 2U);
}

}  // namespace
}  // namespace kexp::test
