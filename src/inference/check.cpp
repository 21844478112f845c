#include "kexp/inference/check.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kexp/core/file.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

/// Colours that can be told apart, given to the classes in turn.
constexpr std::array<std::uint32_t, 8> kColours{0xE6194B, 0x3CB44B, 0xFFE119, 0x4363D8,
                                                0xF58231, 0x911EB4, 0x46F0F0, 0xF032E6};

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

bool is_image(const fs::path& file) {
  const std::string ending = lower_case(file.extension());
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

CheckOptions validated(CheckOptions options) {
  validate(options.detector);
  return options;
}

}  // namespace

ModelCheck::ModelCheck(CheckOptions options, const Clock& clock, const MakeDetector& make)
    : options_(validated(std::move(options))), clock_(clock), info_(read_model_info(options_.model)) {
  const SteadyTime start = clock_.now();
  detector_ = make(options_.model, options_.detector);
  load_time_ = clock_.now() - start;
  warm_.insert(detector_->input_shape());
  if (info_.labels.empty()) {  // what the file does not say, its graph may
    info_.labels = detector_->labels();
  }
}

CheckedImage ModelCheck::check(const fs::path& file) {
  CheckedImage checked;
  checked.file = file;
  checked.started = clock_.wall_now();
  try {
    const std::string content = read_file(file);
    const SteadyTime start = clock_.now();
    image::decode_into({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()}, image_);
    checked.decode = clock_.now() - start;
    checked.dimensions = {image_.width, image_.height};
    checked.found = detect();
  } catch (const std::exception& e) {  // The engine's own exceptions among them: the others go on.
    checked.error = e.what();
  }
  checked.done = clock_.wall_now();
  if (!options_.annotate.empty() && checked.error.empty()) {
    annotate(checked);
  }
  return checked;
}

DetectorResult ModelCheck::detect() {
  DetectorResult found = detector_->detect(image_);
  return warm_.insert(found.input_shape).second ? detector_->detect(image_) : std::move(found);
}

void ModelCheck::annotate(const CheckedImage& checked) {
  for (const Detection& found : checked.found.detections) {
    const std::string caption = fmt::format("{} {:.2f}", label(found.class_id), found.confidence);
    image::draw_box(image_, found.x, found.y, found.width, found.height, caption,
                    kColours[static_cast<std::size_t>(found.class_id) % kColours.size()]);
  }
  std::error_code error;
  fs::create_directories(options_.annotate, error);  // what is wrong, the writing says
  const std::vector<std::uint8_t> png = image::encode_png(image_);
  write_file_atomically(options_.annotate / (checked.file.filename().string() + ".png"),
                        {reinterpret_cast<const char*>(png.data()), png.size()});
}

std::vector<Nanoseconds> ModelCheck::inference_times(int rounds) {
  const auto width = static_cast<int>(detector_->input_shape()[3]);
  const auto height = static_cast<int>(detector_->input_shape()[2]);
  const auto bytes = std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  image_ = {width, height, std::vector<std::uint8_t>(bytes, 114)};
  std::vector<Nanoseconds> times;
  for (int i = 0; i < rounds; ++i) {
    times.push_back(detector_->detect(image_).inference);
  }
  return times;
}

record::Result ModelCheck::to_result(const CheckedImage& checked) const {
  record::Result result;
  result.id = checked.file.filename();
  result.model = detector_->model_name();
  result.engine = detector_->engine();
  result.threads = options_.detector.threads;
  result.dimensions = detector_->input_shape();
  result.start_time_ms = unix_ms(checked.started);
  result.end_time_ms = result.start_time_ms;  // nothing waits here
  result.done_time_ms = unix_ms(checked.done);
  result.width = checked.dimensions.width;
  result.height = checked.dimensions.height;
  result.decode_ms = milliseconds(checked.decode);
  result.pre_ms = milliseconds(checked.found.preprocess);
  result.inf_ms = milliseconds(checked.found.inference);
  result.post_ms = milliseconds(checked.found.postprocess);
  result.errors = checked.error.empty() ? 0 : 1;
  result.error = checked.error;
  for (const Detection& found : checked.found.detections) {
    result.detections.push_back({found.class_id,
                                 label(found.class_id),
                                 found.confidence,
                                 {found.x, found.y, found.width, found.height}});
  }
  return result;
}

std::string ModelCheck::label(int class_id) const {
  const std::vector<std::string>& labels = detector_->labels();
  const auto index = static_cast<std::size_t>(class_id);
  return index < labels.size() ? labels[index] : fmt::format("class {}", class_id);
}

std::vector<fs::path> find_images(const fs::path& file_or_folder) {
  std::error_code error;
  if (fs::is_regular_file(file_or_folder, error)) {
    return {file_or_folder};
  }
  if (!fs::is_directory(file_or_folder, error)) {
    throw UsageError(fmt::format("--images: no file or folder {}", file_or_folder.string()));
  }
  std::vector<fs::path> images;
  for (const fs::directory_entry& entry : fs::directory_iterator(file_or_folder, error)) {
    if (entry.is_regular_file(error) && is_image(entry.path())) {
      images.push_back(entry.path());
    }
  }
  if (images.empty()) {
    throw UsageError(fmt::format("--images: no JPEG or PNG files in {}", file_or_folder.string()));
  }
  std::sort(images.begin(), images.end());
  return images;
}

}  // namespace kexp::inference
