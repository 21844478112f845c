// The OpenCV engine against OpenCV alone, turn by turn in one process: engine_bench ROUNDS IMAGE MODEL…
//
// For each model the median processor time of one thread for: `stock`, the file as it is (where OpenCV loads
// it); `cut`, the prepared file, OpenCV's own layers; `ours`, the network in kexp, and beside it what follows
// it; `rect`, the same with `--input auto`.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>
#include <opencv2/dnn.hpp>

#include "kexp/core/file.hpp"
#include "kexp/image/image.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/letterbox.hpp"
#include "kexp/inference/model_info.hpp"
#include "kexp/inference/prepare.hpp"

namespace kexp {
namespace {

namespace fs = std::filesystem;

double processor_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

image::Image read_picture(const fs::path& file) {
  const std::string content = read_file(file);
  return image::decode({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
}

/// OpenCV alone on one file.
class Plain {
 public:
  Plain(const fs::path& file, const image::Image& picture, Size2 size) {
    net_ = cv::dnn::readNetFromONNX(file.string());
    net_.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
    names_ = net_.getUnconnectedOutLayersNames();
    inference::fill_blob(picture, inference::fit({picture.width, picture.height}, size), blob_);
    shape_ = {1, 3, size.height, size.width};
    run();
  }

  void run() {
    net_.setInput(cv::Mat(4, shape_.data(), CV_32F, blob_.data()));
    net_.forward(outputs_, names_);
  }

 private:
  cv::dnn::Net net_;
  std::vector<cv::String> names_;
  std::vector<float> blob_;
  std::array<int, 4> shape_{};
  std::vector<cv::Mat> outputs_;
};

std::optional<Plain> plain(const fs::path& file, const image::Image& picture, Size2 size) {
  try {
    return Plain(file, picture, size);
  } catch (const cv::Exception&) {  // this OpenCV does not run it
    return std::nullopt;
  }
}

std::unique_ptr<inference::Detector> ours(const fs::path& model, const char* input) {
  inference::DetectorOptions options;
  options.engine = "opencv";
  options.input = inference::parse_input_size(input, "--input");
  return inference::make_detector(model, options);
}

/// Processor time of `run`, in ms.
template <typename Run>
double cost(Run run) {
  const double start = processor_ms();
  run();
  return processor_ms() - start;
}

std::string cell(const std::vector<double>& times, const std::vector<double>& base) {
  if (times.empty()) {
    return fmt::format("{:>15}", "-");
  }
  return base.empty() ? fmt::format("{:>15.1f}", median(times))
                      : fmt::format("{:>8.1f} ({:.2f})", median(times), median(times) / median(base));
}

void compare(const fs::path& model, const image::Image& picture, int rounds) {
  const Size2 size = inference::read_model_info(model).size;
  const fs::path prepared = fs::temp_directory_path() / fmt::format("engine-bench-{}.onnx", ::getpid());
  static_cast<void>(inference::prepare_model({model, prepared, {}, {}, {}}));
  const auto square = ours(model, "square");
  const auto rectangle = ours(model, "auto");
  cv::setNumThreads(1);
  std::optional<Plain> stock = plain(model, picture, size);
  std::optional<Plain> cut = plain(prepared, picture, size);
  fs::remove(prepared);
  static_cast<void>(rectangle->detect(picture));  // plans its memory for this form

  std::vector<double> stock_ms, cut_ms, ours_ms, post_ms, rect_ms;
  for (int i = 0; i < rounds; ++i) {
    if (stock) {
      stock_ms.push_back(cost([&] { stock->run(); }));
    }
    if (cut) {
      cut_ms.push_back(cost([&] { cut->run(); }));
    }
    inference::DetectorResult result;
    const double whole = cost([&] { result = square->detect(picture); });
    const double post = std::chrono::duration<double, std::milli>(result.postprocess).count();
    const double pre = std::chrono::duration<double, std::milli>(result.preprocess).count();
    ours_ms.push_back(whole - pre - post);
    post_ms.push_back(post);
    const double rect = cost([&] { result = rectangle->detect(picture); });
    rect_ms.push_back(
        rect - std::chrono::duration<double, std::milli>(result.preprocess + result.postprocess).count());
  }
  fmt::print("{:<24} {} {} {} {} {:>9.2f} {}\n", model.stem().string(), cell(stock_ms, {}),
             cell(cut_ms, stock_ms), cell(ours_ms, stock_ms), cell(ours_ms, cut_ms), median(post_ms),
             cell(rect_ms, ours_ms));
}

int run(int count, char** arguments) {
  if (count < 4) {
    fmt::print(stderr, "usage: engine_bench ROUNDS IMAGE MODEL…\n");
    return 2;
  }
  const image::Image picture = read_picture(arguments[2]);
  fmt::print("{:<24} {:>15} {:>15} {:>15} {:>15} {:>9} {:>15}\n", "model (ms, 1 thread)", "stock",
             "cut/stock", "ours/stock", "ours/cut", "post", "rect/ours");
  for (int i = 3; i < count; ++i) {
    compare(arguments[i], picture, std::atoi(arguments[1]));
  }
  return 0;
}

}  // namespace
}  // namespace kexp

int main(int count, char** arguments) { return kexp::run(count, arguments); }
