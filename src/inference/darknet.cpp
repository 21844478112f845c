#include "kexp/inference/darknet.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <fmt/format.h>

#include "kexp/core/utf8.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/model_info.hpp"

#include "darknet_cfg.hpp"
#include "darknet_weights.hpp"
#include "onnx_builder.hpp"
#include "onnx_file.hpp"

namespace kexp::inference {

namespace {

constexpr int kMaxSide = 8192;
constexpr int kMaxChannels = 65'536;
constexpr int kMaxKernel = 64;
constexpr std::int64_t kMaxBoxes = 5'000'000;  // three heads of an input of 8192x8192 have 4.1 million
constexpr double kBatchNormEpsilon = 1e-6;     // Darknet's own

std::size_t size(int value) { return static_cast<std::size_t>(value); }

/// What a layer hands on: a tensor of 1 x channels x height x width.
struct Feature {
  std::string name;
  int channels = 0;
  int height = 0;
  int width = 0;
};

std::vector<std::string> read_labels(const std::filesystem::path& file, std::vector<std::string>& warnings) {
  const std::string written = read_model_file(file);
  const std::string valid = valid_utf8(written);
  if (valid != written) {
    warnings.push_back(fmt::format("{}: {}", file.string(), kLabelsMended));
  }
  std::istringstream lines(valid);
  std::vector<std::string> labels;
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (!line.empty()) {
      labels.push_back(line);
    }
  }
  return labels;
}

/// Puts a cfg's layers one after the other into a graph, taking each one's weights in passing.
class Converter {
 public:
  Converter(const DarknetFiles& files, onnx::GraphProto& graph)
      : sections_(read_darknet_cfg(files.cfg)),
        weights_(files.weights),
        labels_(read_labels(files.names, warnings_)),
        names_file_(files.names),
        builder_(graph) {
    input_ = files.input.value_or(Size2{sections_[0].integer("width", 416, 1, kMaxSide),
                                        sections_[0].integer("height", 416, 1, kMaxSide)});
    const int channels = sections_[0].integer("channels", 3, 3, 3);
    current_ = {"images", channels, input_.height, input_.width};
  }

  /// The name of the output is "output0".
  void run() {
    for (std::size_t i = 1; i < sections_.size(); ++i) {
      const CfgSection& section = sections_[i];
      layer(section);
      if (current_.height < 1 || current_.width < 1) {
        throw ModelError(fmt::format("{}[{}] leaves nothing of an input of {}x{}", section.where(),
                                     section.type(), input_.width, input_.height));
      }
      features_.push_back(current_);
    }
    weights_.expect_end();
    if (heads_.empty()) {
      throw ModelError(fmt::format("{}no detector: the cfg has no [yolo] layer", sections_[0].where()));
    }
    builder_.node("Concat", heads_, {{"axis", std::int64_t{1}}}, "output0");
    warn_of_the_published_masks();
  }

  [[nodiscard]] Size2 input() const { return input_; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] int largest_stride() const { return largest_stride_; }
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void layer(const CfgSection& section) {
    const std::string& type = section.type();
    if (type == "convolutional") {
      convolution(section);
    } else if (type == "maxpool") {
      max_pool(section);
    } else if (type == "upsample") {
      upsample(section);
    } else if (type == "route") {
      route(section);
    } else if (type == "shortcut") {
      shortcut(section);
    } else if (type == "yolo") {
      yolo(section);
    } else {
      throw ModelError(fmt::format(
          "{}[{}] is not supported, only convolutional, maxpool, upsample, route, shortcut and yolo",
          section.where(), type));
    }
  }

  void convolution(const CfgSection& section) {
    const int filters = section.integer("filters", 1, kMaxChannels);
    const int kernel = section.integer("size", 1, kMaxKernel);
    const int stride = section.integer("stride", 1, 1, kMaxKernel);
    const int dilation = section.integer("dilation", 1, 1, 1);
    const int groups = section.integer("groups", 1, 1, kMaxChannels);
    const bool same = section.integer("pad", 0, 0, 1) == 1;
    const int pad = same ? kernel / 2 : section.integer("padding", 0, 0, kMaxKernel);
    if (current_.channels % groups != 0 || filters % groups != 0) {
      throw ModelError(fmt::format("{}groups {} do not divide {} channels and {} filters",
                                   section.where("groups"), groups, current_.channels, filters));
    }
    const int per_group = current_.channels / groups;
    const std::size_t per_filter = size(per_group) * size(kernel) * size(kernel);
    const bool normalised = section.integer("batch_normalize", 0, 0, 1) == 1;
    const Weights weights = take_weights(section, size(filters), per_filter, normalised);
    const std::string kernels = builder_.floats({filters, per_group, kernel, kernel}, weights.kernels);
    const std::string biases = builder_.floats({filters}, weights.biases);
    current_.name = builder_.node("Conv", {current_.name, kernels, biases},
                                  {{"kernel_shape", Numbers{kernel, kernel}},
                                   {"strides", Numbers{stride, stride}},
                                   {"pads", Numbers{pad, pad, pad, pad}},
                                   {"group", std::int64_t{groups}},
                                   {"dilations", Numbers{dilation, dilation}}});
    current_.channels = filters;
    shrink(kernel, stride, 2 * pad);
    activate(section);
  }

  struct Weights {
    std::vector<float> biases;
    std::vector<float> kernels;
  };

  /// Folds the batch normalisation into the convolution: kernel * g / sqrt(v + e), bias - mean * g / sqrt(v +
  /// e).
  Weights take_weights(const CfgSection& section, std::size_t filters, std::size_t per_filter,
                       bool normalised) {
    const std::string where = section.where();
    Weights result;
    result.biases = weights_.take(filters, where);
    if (!normalised) {
      result.kernels = weights_.take(filters * per_filter, where);
      return result;
    }
    const std::vector<float> scales = weights_.take(filters, where);
    const std::vector<float> means = weights_.take(filters, where);
    const std::vector<float> variances = weights_.take(filters, where);
    result.kernels = weights_.take(filters * per_filter, where);
    for (std::size_t f = 0; f < filters; ++f) {
      const double factor = scales[f] / std::sqrt(variances[f] + kBatchNormEpsilon);
      for (std::size_t i = f * per_filter; i < (f + 1) * per_filter; ++i) {
        result.kernels[i] = static_cast<float>(result.kernels[i] * factor);
      }
      result.biases[f] = static_cast<float>(result.biases[f] - means[f] * factor);
    }
    return result;
  }

  void activate(const CfgSection& section) {
    const std::string activation = section.text("activation", "linear");
    const std::string before = current_.name;
    if (activation == "leaky") {
      current_.name = builder_.node("LeakyRelu", {before}, {{"alpha", 0.1F}});
    } else if (activation == "relu") {
      current_.name = builder_.node("Relu", {before});
    } else if (activation == "logistic") {
      current_.name = builder_.node("Sigmoid", {before});
    } else if (activation == "swish") {
      current_.name = builder_.node("Mul", {before, builder_.node("Sigmoid", {before})});
    } else if (activation == "mish") {
      const std::string gate = builder_.node("Tanh", {builder_.node("Softplus", {before})});
      current_.name = builder_.node("Mul", {before, gate});
    } else if (activation != "linear") {
      throw ModelError(
          fmt::format("{}activation {} is not supported, only linear, leaky, relu, logistic, swish and mish",
                      section.where("activation"), activation));
    }
  }

  void max_pool(const CfgSection& section) {
    const int stride = section.integer("stride", 1, 1, kMaxKernel);
    const int kernel = section.integer("size", stride, 1, kMaxKernel);
    const int padding = section.integer("padding", kernel - 1, 0, kernel);
    const int before = padding / 2;
    const int after = padding - before;
    current_.name = builder_.node("MaxPool", {current_.name},
                                  {{"kernel_shape", Numbers{kernel, kernel}},
                                   {"strides", Numbers{stride, stride}},
                                   {"pads", Numbers{before, before, after, after}}});
    shrink(kernel, stride, padding);
  }

  void shrink(int kernel, int stride, int padding) {
    const auto shrunk = [&](int side) {
      return side + padding < kernel ? 0 : (side + padding - kernel) / stride + 1;
    };
    current_.height = shrunk(current_.height);
    current_.width = shrunk(current_.width);
  }

  void upsample(const CfgSection& section) {
    const int stride = section.integer("stride", 2, 1, kMaxKernel);
    const auto scale = static_cast<float>(stride);
    const std::vector<float> scales{1, 1, scale, scale};
    const std::string region = builder_.floats({0}, {});
    current_.name = builder_.node(
        "Resize", {current_.name, region, builder_.floats({4}, scales)},
        {{"mode", "nearest"}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}});
    current_.height *= stride;
    current_.width *= stride;
    if (current_.height > kMaxSide || current_.width > kMaxSide) {
      throw ModelError(fmt::format("{}[upsample] makes more than {} a side", section.where(), kMaxSide));
    }
  }

  void route(const CfgSection& section) {
    std::vector<std::string> names;
    int channels = 0;
    Feature first;
    for (const int number : section.integers("layers")) {
      const Feature& source = feature(section, "layers", number);
      first = names.empty() ? source : first;
      if (source.height != first.height || source.width != first.width) {
        throw ModelError(
            fmt::format("{}layers of {}x{} and {}x{} cannot be joined: the input's sides have to be "
                        "multiples of the largest stride, mostly 32",
                        section.where("layers"), first.width, first.height, source.width, source.height));
      }
      names.push_back(source.name);
      channels += source.channels;
      if (channels > kMaxChannels) {
        throw ModelError(
            fmt::format("{}layers join to more than {} channels", section.where("layers"), kMaxChannels));
      }
    }
    if (names.empty()) {
      throw ModelError(fmt::format("{}layers is empty", section.where("layers")));
    }
    const std::string joined =
        names.size() == 1 ? names[0] : builder_.node("Concat", names, {{"axis", std::int64_t{1}}});
    current_ = {joined, channels, first.height, first.width};
    split(section);
  }

  /// Keeps one of the equal parts that a [route] with groups asks for.
  void split(const CfgSection& section) {
    const int groups = section.integer("groups", 1, 1, kMaxChannels);
    const int wanted = section.integer("group_id", 0, 0, groups - 1);
    if (groups == 1) {
      return;
    }
    if (current_.channels % groups != 0) {
      throw ModelError(fmt::format("{}groups {} do not divide {} channels", section.where("groups"), groups,
                                   current_.channels));
    }
    current_.channels /= groups;
    const std::vector<std::string> parts =
        builder_.nodes("Split", {current_.name}, size(groups),
                       {{"axis", std::int64_t{1}}, {"split", Numbers(size(groups), current_.channels)}});
    current_.name = parts[size(wanted)];
  }

  void shortcut(const CfgSection& section) {
    const std::vector<int> from = section.integers("from");
    if (from.size() != 1) {
      throw ModelError(fmt::format("{}from must name one layer", section.where("from")));
    }
    const Feature& source = feature(section, "from", from[0]);
    if (source.channels != current_.channels || source.height != current_.height ||
        source.width != current_.width) {
      throw ModelError(fmt::format("{}layers of {}x{}x{} and {}x{}x{} cannot be added", section.where("from"),
                                   source.channels, source.height, source.width, current_.channels,
                                   current_.height, current_.width));
    }
    current_.name = builder_.node("Add", {current_.name, source.name});
    activate(section);
  }

  /// An earlier layer, counted from the first one or (negative) back from this one.
  const Feature& feature(const CfgSection& section, const std::string& key, int number) const {
    const int layers = static_cast<int>(features_.size());
    const int index = number < 0 ? layers + number : number;
    if (index < 0 || index >= layers) {
      throw ModelError(
          fmt::format("{}{} names layer {}, but {} come before", section.where(key), key, number, layers));
    }
    return features_[size(index)];
  }

  struct Anchors {
    std::vector<int> mask;
    std::vector<double> sides;  ///< Width and height of each anchor, in pixels of the input.
  };

  Anchors anchors_of(const CfgSection& section) const {
    Anchors result;
    result.sides = section.numbers("anchors");
    const int count = static_cast<int>(result.sides.size() / 2);
    if (section.has("mask")) {
      result.mask = section.integers("mask");
    } else {
      for (int i = 0; i < count; ++i) {
        result.mask.push_back(i);
      }
    }
    for (const int index : result.mask) {
      if (index < 0 || index >= count) {
        throw ModelError(
            fmt::format("{}mask names anchor {}, but there are {}", section.where("mask"), index, count));
      }
    }
    return result;
  }

  void yolo(const CfgSection& section) {
    const int classes = section.integer("classes", 20, 1, kMaxChannels);
    const Anchors anchors = anchors_of(section);
    const auto per_cell = static_cast<std::int64_t>(anchors.mask.size());
    check_head(section, classes, per_cell);
    const int stride = input_.width / current_.width;
    const std::int64_t cells = std::int64_t{current_.height} * current_.width;
    const std::int64_t boxes = per_cell * cells;
    if (boxes > kMaxBoxes - rows_) {
      throw ModelError(
          fmt::format("{}[yolo] makes {} boxes, more than {} in all", section.where(), boxes, kMaxBoxes));
    }

    const std::string split_up =
        builder_.node("Reshape", {current_.name, builder_.integers({1, per_cell, 5 + classes, cells})});
    const std::string turned = builder_.node("Transpose", {split_up}, {{"perm", Numbers{0, 1, 3, 2}}});
    const std::string rows = builder_.node("Reshape", {turned, builder_.integers({1, boxes, 5 + classes})});
    const std::vector<std::string> parts = builder_.nodes(
        "Split", {rows}, 3, {{"axis", std::int64_t{2}}, {"split", Numbers{2, 2, 1 + classes}}});

    const Grid grid = grid_of(section, anchors, stride);
    const OnnxBuilder::Dimensions pairs{1, boxes, 2};
    const std::string within =
        builder_.node("Mul", {builder_.node("Sigmoid", {parts[0]}), builder_.floats(pairs, grid.scales)});
    const std::string centres = builder_.node("Add", {within, builder_.floats(pairs, grid.origins)});
    const std::string sides =
        builder_.node("Mul", {builder_.node("Exp", {parts[1]}), builder_.floats(pairs, grid.anchors)});
    const std::string scores = builder_.node("Sigmoid", {parts[2]});
    heads_.push_back(builder_.node("Concat", {centres, sides, scores}, {{"axis", std::int64_t{2}}}));

    masks_.push_back(anchors.mask);
    rows_ += boxes;
    largest_stride_ = std::max(largest_stride_, stride);
  }

  void check_head(const CfgSection& section, int classes, std::int64_t per_cell) const {
    if (size(classes) != labels_.size()) {
      throw ModelError(fmt::format("{}{} classes, but {} holds {} names", section.where("classes"), classes,
                                   names_file_.string(), labels_.size()));
    }
    if (per_cell < 1 || current_.channels != per_cell * (5 + classes)) {
      throw ModelError(fmt::format("{}[yolo] wants {} x (5 + {}) = {} channels, got {}", section.where(),
                                   per_cell, classes, per_cell * (5 + classes), current_.channels));
    }
    if (section.integer("new_coords", 0, 0, 1) == 1) {
      throw ModelError(fmt::format("{}new_coords=1 is not supported", section.where("new_coords")));
    }
    const bool even = input_.width % current_.width == 0 && input_.height % current_.height == 0 &&
                      input_.width / current_.width == input_.height / current_.height;
    if (!even) {
      throw ModelError(fmt::format("{}an input of {}x{} does not fit a grid of {}x{}: take multiples of 32",
                                   section.where(), input_.width, input_.height, current_.width,
                                   current_.height));
    }
  }

  /// For each box, x and y: what its sigmoid is scaled by and added to, and its anchor's width and height.
  struct Grid {
    std::vector<float> scales, origins, anchors;
  };

  Grid grid_of(const CfgSection& section, const Anchors& anchors, int stride) const {
    const double spread = section.number("scale_x_y", 1);
    const double shift = 0.5 * (spread - 1);
    Grid grid;
    for (const int index : anchors.mask) {
      for (int y = 0; y < current_.height; ++y) {
        for (int x = 0; x < current_.width; ++x) {
          grid.scales.insert(grid.scales.end(), 2, static_cast<float>(spread * stride));
          grid.origins.push_back(static_cast<float>((x - shift) * stride));
          grid.origins.push_back(static_cast<float>((y - shift) * stride));
          grid.anchors.push_back(static_cast<float>(anchors.sides[size(2 * index)]));
          grid.anchors.push_back(static_cast<float>(anchors.sides[size(2 * index + 1)]));
        }
      }
    }
    return grid;
  }

  /// yolov3-tiny is published with masks 3,4,5 and 0,1,2, but its weights were trained with 3,4,5 and 1,2,3:
  /// as published, the boxes of small objects come out too small.
  void warn_of_the_published_masks() {
    const std::vector<std::vector<int>> published{{3, 4, 5}, {0, 1, 2}};
    if (masks_ == published) {
      warnings_.emplace_back(
          "the second [yolo] has mask 0,1,2: with the published yolov3-tiny weights it has to be 1,2,3");
    }
  }

  using Numbers = std::vector<std::int64_t>;

  std::vector<CfgSection> sections_;
  DarknetWeights weights_;
  std::vector<std::string> warnings_;  // Before what adds to them.
  std::vector<std::string> labels_;
  std::filesystem::path names_file_;
  OnnxBuilder builder_;
  Size2 input_;
  Feature current_;
  std::vector<Feature> features_;
  std::vector<std::string> heads_;
  std::vector<std::vector<int>> masks_;
  std::int64_t rows_ = 0;
  int largest_stride_ = 0;
};

void add_metadata(onnx::ModelProto& model, const std::string& key, const std::string& value) {
  auto& entry = *model.add_metadata_props();
  entry.set_key(key);
  entry.set_value(value);
}

}  // namespace

DarknetModel convert_darknet(const DarknetFiles& files) {
  onnx::ModelProto model;
  model.set_ir_version(7);
  model.set_producer_name("kexp");
  model.add_opset_import()->set_version(12);
  model.mutable_graph()->set_name("darknet");
  Converter converter(files, *model.mutable_graph());
  converter.run();

  const Size2 input = converter.input();
  const std::int64_t numbers = 5 + static_cast<std::int64_t>(converter.labels().size());
  describe(*model.mutable_graph()->add_input(), "images", {1, 3, input.height, input.width});
  describe(*model.mutable_graph()->add_output(), "output0", {1, converter.rows(), numbers});
  add_metadata(model, "names", labels_text(converter.labels()));
  add_metadata(model, "stride", std::to_string(converter.largest_stride()));
  add_metadata(model, "imgsz", fmt::format("[{}, {}]", input.height, input.width));
  add_metadata(model, "task", "detect");
  add_metadata(model, "author", "darknet");
  add_metadata(model, "description", files.cfg.filename());
  if (!files.license.empty()) {
    add_metadata(model, "license", files.license);
  }
  return {model.SerializeAsString(), input, converter.warnings()};
}

}  // namespace kexp::inference
