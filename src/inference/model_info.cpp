#include "kexp/inference/model_info.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/core/utf8.hpp"
#include "kexp/inference/detector.hpp"

#include "coco.hpp"
#include "graph/onnx_graph.hpp"
#include "graph/prepare_graph.hpp"
#include "onnx_file.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSide = 8192;  // as --input; a larger picture alone would take gigabytes
constexpr int kMostStride = 1024;
constexpr std::size_t kMostClasses = 100'000;

TensorInfo tensor_of(const onnx::ValueInfoProto& value) {
  TensorInfo result{value.name(), {}};
  for (const auto& dimension : value.type().tensor_type().shape().dim()) {
    const bool known = dimension.has_dim_value() && dimension.dim_value() > 0;
    result.shape.push_back(known ? dimension.dim_value() : -1);
  }
  return result;
}

/// The one input that is no weight: old exporters list the weights among the inputs.
TensorInfo image_input(const onnx::GraphProto& graph) {
  std::set<std::string> weights;
  for (const auto& weight : graph.initializer()) {
    weights.insert(weight.name());
  }
  std::vector<TensorInfo> inputs;
  for (const auto& value : graph.input()) {
    if (weights.count(value.name()) == 0) {
      inputs.push_back(tensor_of(value));
    }
  }
  if (inputs.size() != 1) {
    throw ModelError(fmt::format("no YOLO detector: it has {} inputs, wanted one image", inputs.size()));
  }
  const std::vector<std::int64_t>& shape = inputs[0].shape;
  if (shape.size() != 4 || (shape[1] != 3 && shape[1] != -1)) {
    throw ModelError(fmt::format("no YOLO detector: its input is {}, wanted 1 x 3 x height x width",
                                 shape.empty() ? "shapeless" : shape_text(shape)));
  }
  if (shape[0] > 1) {
    throw ModelError(
        fmt::format("its input takes {} images at once, wanted 1: export it with batch 1", shape[0]));
  }
  return inputs[0];
}

/// The output of three dimensions: some exporters add the raw heads, which have four or five.
TensorInfo box_output(const onnx::GraphProto& graph) {
  std::vector<std::string> shapes;
  for (const auto& value : graph.output()) {
    TensorInfo tensor = tensor_of(value);
    if (tensor.shape.size() == 3 || tensor.shape.empty()) {
      return tensor;
    }
    shapes.push_back(shape_text(tensor.shape));
  }
  throw ModelError(fmt::format(
      "no YOLO detector: its output is {}, wanted 1 x boxes x (5 + classes) or 1 x (4 + classes) x boxes",
      fmt::join(shapes, " and ")));
}

void check_task(const onnx::ModelProto& model) {
  const std::string task = metadata(model, "task");
  if (!task.empty() && task != "detect") {
    throw ModelError(fmt::format("no detector: its task is \"{}\", wanted \"detect\"", task));
  }
}

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<int> read_stride(const onnx::ModelProto& model) {
  const std::optional<int> stride = number(metadata(model, "stride"));
  return stride && *stride >= 1 && *stride <= kMostStride ? stride : std::nullopt;
}

bool is_no_side(std::int64_t side) { return side < 1 || side > kMostSide; }

bool is_open(const TensorInfo& tensor) {
  return tensor.shape.empty() || std::count(tensor.shape.begin(), tensor.shape.end(), -1) > 0;
}

void read_labels(const onnx::ModelProto& model, ModelInfo& info) {
  const std::string written = metadata(model, "names");
  const std::string names = valid_utf8(written);
  if (names != written) {
    info.warnings.emplace_back(kLabelsMended);
  }
  if (auto labels = parse_labels(names)) {
    info.labels = std::move(*labels);
    info.labels_given = !info.labels.empty();
  } else if (!names.empty()) {
    info.warnings.push_back(fmt::format("its metadata \"names\" cannot be read: {}", names.substr(0, 60)));
  }
}

/// "[320, 640]", height first, as exporters write it.
std::optional<Size2> size_in(const std::string& imgsz) {
  std::vector<int> sides;
  for (std::size_t at = 0; at < imgsz.size();) {
    const std::size_t begin = imgsz.find_first_of("0123456789", at);
    if (begin == std::string::npos) {
      break;
    }
    const std::size_t end = std::min(imgsz.find_first_not_of("0123456789", begin), imgsz.size());
    sides.push_back(number(imgsz.substr(begin, end - begin)).value_or(0));
    at = end;
  }
  if (sides.empty() || sides.size() > 2 || std::any_of(sides.begin(), sides.end(), is_no_side)) {
    return std::nullopt;
  }
  return Size2{sides.back(), sides.front()};
}

void read_size(const onnx::ModelProto& model, ModelInfo& info) {
  const std::int64_t height = info.input.shape[2];
  const std::int64_t width = info.input.shape[3];
  if (height > kMostSide || width > kMostSide) {
    throw ModelError(fmt::format("its input {} is too large", shape_text(info.input.shape)));
  }
  info.open_size = height < 0 || width < 0;
  if (info.open_size) {
    info.size = size_in(metadata(model, "imgsz")).value_or(Size2{});
  } else {
    info.size = {static_cast<int>(width), static_cast<int>(height)};
  }
}

/// In a prepared model every output belongs to the head, and none holds finished boxes.
void read_output(const onnx::ModelProto& model, ModelInfo& info) {
  if (metadata(model, kHeadKey).empty()) {
    info.output = box_output(model.graph());
    if (!is_open(info.output)) {
      info.layout = layout_of(info.output.shape, info.labels.size());
    }
  } else if (model.graph().output_size() > 0) {
    info.output = tensor_of(model.graph().output(0));
  }
}

void read_graph(const onnx::ModelProto& model, ModelInfo& info) {
  check_task(model);
  info.producer = model.producer_name();
  info.description = metadata(model, "description");
  info.description.erase(info.description.find_last_not_of(' ') + 1);
  info.license = metadata(model, "license");
  info.stride = read_stride(model);
  for (const auto& import : model.opset_import()) {
    if (import.domain().empty()) {
      info.opset = import.version();
    }
  }
  info.input = image_input(model.graph());
  read_size(model, info);
  read_labels(model, info);
  read_output(model, info);
  complete_labels(info, info.layout ? info.layout->classes : 0);
}

std::string ending_advice(const fs::path& file) {
  const std::string ending = file.extension();
  if (ending == ".cfg" || ending == ".weights") {
    return "; a Darknet model is converted by kexp model prepare FILE.cfg";
  }
  if (ending == ".pt" || ending == ".pth") {
    return "; a PyTorch model is exported by: yolo export format=onnx";
  }
  return {};
}

}  // namespace

onnx::ModelProto parse_onnx(const fs::path& file, std::string_view content) {
  onnx::ModelProto model;
  const bool fits = content.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (!fits || !model.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    throw ModelError(fmt::format("{}: no ONNX model, or cut short: its {} bytes cannot be parsed{}",
                                 file.string(), content.size(), ending_advice(file)));
  }
  // A file that ends between two parts parses; the version of the operators is the last part that must be
  // there.
  if (model.graph().node_size() == 0 || model.opset_import_size() == 0) {
    throw ModelError(fmt::format("{}: no ONNX model, or cut short: its {} bytes hold no whole graph{}",
                                 file.string(), content.size(), ending_advice(file)));
  }
  return model;
}

std::string read_model_file(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) {
    throw ModelError(fmt::format("no model file {}", file.string()));
  }
  if (!fs::is_regular_file(file, error)) {
    throw ModelError(fmt::format("{} is no file", file.string()));
  }
  return read_file(file);
}

ModelInfo read_model_info(const fs::path& file, const onnx::ModelProto& model, std::size_t bytes) {
  ModelInfo info;
  info.name = file.stem();
  info.bytes = bytes;
  try {
    read_graph(model, info);
  } catch (const ModelError& e) {
    throw ModelError(fmt::format("{}: {}", file.string(), e.what()));
  }
  return info;
}

ModelInfo read_model_info(const fs::path& file, std::string_view content) {
  return read_model_info(file, parse_onnx(file, content), content.size());
}

void complete_labels(ModelInfo& info, std::size_t classes) {
  if (!info.labels.empty() || classes == 0) {
    return;
  }
  if (classes > kMostClasses) {
    throw ModelError(
        fmt::format("no YOLO detector: {} classes, at most {} are taken", classes, kMostClasses));
  }
  if (classes == kCocoLabels.size()) {
    info.labels.assign(kCocoLabels.begin(), kCocoLabels.end());
    info.warnings.emplace_back("it names no classes; its 80 are taken for COCO's");
    return;
  }
  for (std::size_t id = 0; id < classes; ++id) {
    info.labels.push_back(fmt::format("class {}", id));
  }
  info.warnings.emplace_back("it names no classes; they are numbered");
}

ModelInfo read_model_info(const fs::path& file) { return read_model_info(file, read_model_file(file)); }

std::string layout_text(const OutputLayout& layout) {
  switch (layout.layout) {
    case Layout::rows:
      return fmt::format("YOLOv5 rows, {} boxes, {} classes", layout.boxes, layout.classes);
    case Layout::columns:
      return fmt::format("YOLOv8 columns, {} boxes, {} classes", layout.boxes, layout.classes);
    case Layout::end_to_end:
      return fmt::format("end to end, {} boxes", layout.boxes);
  }
  return {};
}

}  // namespace kexp::inference
