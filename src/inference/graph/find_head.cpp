#include "graph/find_head.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <unordered_set>

namespace kexp::inference {

namespace {

using Node = onnx::NodeProto;

constexpr std::int64_t kAnchorFields = 5;  // centre, size, objectness; then the classes
constexpr std::int64_t kSides = 4;
constexpr int kMostStride = 1024;

std::vector<std::int64_t> weight_shape(const GraphIndex& index, const Node& convolution) {
  const onnx::TensorProto* weight =
      convolution.input_size() > 1 ? index.constant(convolution.input(1)) : nullptr;
  return weight == nullptr ? std::vector<std::int64_t>{}
                           : std::vector<std::int64_t>(weight->dims().begin(), weight->dims().end());
}

/// One output channel and no extent: the expectation over the bins of a distance.
bool sums_up_bins(const std::vector<std::int64_t>& shape) {
  return shape.size() == 4 && shape[0] == 1 && shape[2] == 1 && shape[3] == 1;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// Whether a convolution's name, its result's or its weight's has `part` in it.
bool is_named(const Node& convolution, std::string_view part) {
  return contains(convolution.name(), part) || contains(convolution.output(0), part) ||
         contains(convolution.input(1), part);
}

/// One of the head's convolutions.
struct HeadConvolution {
  const Node* node = nullptr;
  std::int64_t channels = 0;
  int stride = 0;

  [[nodiscard]] const std::string& tensor() const { return node->output(0); }
};

using ByStride = std::map<int, std::vector<HeadConvolution>>;

/// nullopt when one of them is not what a head ends in.
std::optional<ByStride> head_convolutions(const onnx::GraphProto& graph, const GraphIndex& index) {
  ByStride result;
  for (const Node* node : last_convolutions(graph, index)) {
    const std::vector<std::int64_t> shape = weight_shape(index, *node);
    const auto stride = stride_of(index, node->output(0));
    if (shape.size() != 4 || shape[0] < 1 || !stride) {
      return std::nullopt;
    }
    result[*stride].push_back({node, shape[0], *stride});
  }
  return result.empty() ? std::nullopt : std::optional(std::move(result));
}

/// The number of classes by the labels, else by the form of the output; 0 when neither says it.
std::int64_t known_classes(const HeadHints& hints, std::int64_t fields) {
  if (hints.labels > 0) {
    return static_cast<std::int64_t>(hints.labels);
  }
  if (hints.output_shape.size() != 3 || fields < 1) {
    return 0;
  }
  const std::int64_t numbers = hints.output_shape[fields == kAnchorFields ? 2 : 1];
  return std::max<std::int64_t>(numbers - fields, 0);
}

/// Boxes and classes of one level in this order; nullopt when they cannot be told apart.
std::optional<std::pair<HeadConvolution, HeadConvolution>> as_pair(const std::vector<HeadConvolution>& found,
                                                                   std::int64_t classes) {
  if (found.size() != 2) {
    return std::nullopt;
  }
  for (const auto& [boxes, scores] : {std::pair(found[0], found[1]), std::pair(found[1], found[0])}) {
    if (is_named(*boxes.node, "cv2.") && is_named(*scores.node, "cv3.")) {
      return std::pair(boxes, scores);
    }
  }
  if (classes == 0 || (found[0].channels == classes) == (found[1].channels == classes)) {
    return std::nullopt;
  }
  return found[1].channels == classes ? std::pair(found[0], found[1]) : std::pair(found[1], found[0]);
}

/// The network was trained to find each object once when its convolutions say so, or when the graph ends in
/// finished boxes without having suppressed any.
Selection selection_of(const onnx::GraphProto& graph, const HeadHints& hints, const ByStride& convolutions) {
  constexpr std::int64_t kEndToEndFields = 6;
  for (const auto& [stride, found] : convolutions) {
    for (const HeadConvolution& convolution : found) {
      if (is_named(*convolution.node, "one2one")) {
        return Selection::top;
      }
    }
  }
  const bool finished = hints.output_shape.size() == 3 && hints.output_shape[2] == kEndToEndFields;
  const bool suppressed = std::any_of(graph.node().begin(), graph.node().end(),
                                      [](const Node& node) { return node.op_type() == "NonMaxSuppression"; });
  return finished && !suppressed ? Selection::top : Selection::suppress;
}

std::optional<Head> distance_head(const onnx::GraphProto& graph, const HeadHints& hints,
                                  const ByStride& convolutions) {
  Head head;
  head.selection = selection_of(graph, hints, convolutions);
  for (const auto& [stride, found] : convolutions) {
    const auto pair = as_pair(found, known_classes(hints, kSides));
    if (!pair) {
      return std::nullopt;
    }
    const auto& [boxes, scores] = *pair;
    const auto classes = static_cast<std::size_t>(scores.channels);
    const auto bins = static_cast<std::size_t>(boxes.channels / kSides);
    const bool first = head.levels.empty();
    if (boxes.channels % kSides != 0 || (!first && (classes != head.classes || bins != head.bins))) {
      return std::nullopt;
    }
    head.classes = classes;
    head.bins = bins;
    head.levels.push_back({stride, boxes.tensor(), scores.tensor(), {}, 1});
  }
  return head;
}

/// What follows a tensor: every node that needs it.
std::vector<const Node*> followers(const GraphIndex& index, const std::string& tensor) {
  std::vector<const Node*> result;
  std::unordered_set<const Node*> seen;
  std::vector<std::string> open{tensor};
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    for (const Node* node : index.consumers(name)) {
      if (seen.insert(node).second) {
        result.push_back(node);
        open.insert(open.end(), node->output().begin(), node->output().end());
      }
    }
  }
  return result;
}

/// The constant that a node's two inputs are one of; nullptr when there is none.
const onnx::TensorProto* constant_input(const GraphIndex& index, const Node& node) {
  for (const std::string& input : node.input()) {
    if (const onnx::TensorProto* constant = index.constant(input)) {
      return constant;
    }
  }
  return nullptr;
}

bool holds_only(const onnx::TensorProto* tensor, double value) {
  const std::vector<double> values = tensor == nullptr ? std::vector<double>{} : numbers(*tensor);
  return !values.empty() &&
         std::all_of(values.begin(), values.end(), [&](double one) { return one == value; });
}

/// The constant that what `node` makes is multiplied by.
const onnx::TensorProto* factor_of(const GraphIndex& index, const Node& node) {
  if (node.output_size() == 0) {
    return nullptr;
  }
  for (const Node* taker : index.consumers(node.output(0))) {
    if (taker->op_type() == "Mul") {
      return constant_input(index, *taker);
    }
  }
  return nullptr;
}

const Node* only_one(const std::vector<const Node*>& nodes, std::string_view type) {
  const Node* result = nullptr;
  for (const Node* node : nodes) {
    if (node->op_type() == type && node->output_size() == 1) {
      if (result != nullptr) {
        return nullptr;
      }
      result = node;
    }
  }
  return result;
}

/// Width and height of each anchor out of the constant that the boxes' sizes are multiplied by, which holds
/// them once or for every cell.
std::vector<Anchor> anchors_in(const onnx::TensorProto* tensor, std::size_t count) {
  const std::vector<double> values = tensor == nullptr ? std::vector<double>{} : numbers(*tensor);
  const bool pairs =
      tensor != nullptr && tensor->dims_size() > 0 && tensor->dims(tensor->dims_size() - 1) == 2;
  if (!pairs || count == 0 || values.empty() || values.size() % (2 * count) != 0) {
    return {};
  }
  std::vector<Anchor> anchors;
  const std::size_t step = values.size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    anchors.push_back({static_cast<float>(values[i * step]), static_cast<float>(values[i * step + 1])});
  }
  return anchors;
}

/// (2s)^2 times a constant.
bool read_squared(const GraphIndex& index, const std::vector<const Node*>& tail, std::size_t count,
                  HeadLevel& level) {
  const Node* power = only_one(tail, "Pow");
  if (power == nullptr || power->input_size() != 2 || !holds_only(index.constant(power->input(1)), 2)) {
    return false;
  }
  const Node* doubled = index.producer(power->input(0));
  if (doubled == nullptr || doubled->op_type() != "Mul" || !holds_only(constant_input(index, *doubled), 2)) {
    return false;
  }
  level.anchors = anchors_in(factor_of(index, *power), count);
  return !level.anchors.empty();
}

/// exp(t) times a constant, and the sigmoid of the centre times spread and stride.
bool read_exponential(const GraphIndex& index, const std::vector<const Node*>& tail, std::size_t count,
                      HeadLevel& level) {
  const Node* exponential = only_one(tail, "Exp");
  if (exponential == nullptr) {
    return false;
  }
  level.anchors = anchors_in(factor_of(index, *exponential), count);
  for (const Node* node : tail) {
    const onnx::TensorProto* factor = node->op_type() == "Sigmoid" ? factor_of(index, *node) : nullptr;
    const std::vector<double> factors = factor == nullptr ? std::vector<double>{} : numbers(*factor);
    if (!factors.empty() && holds_only(factor, factors[0])) {
      level.spread = static_cast<float>(factors[0] / level.stride);
      return !level.anchors.empty();
    }
  }
  return false;
}

std::optional<Head> anchor_head(const GraphIndex& index, const HeadHints& hints,
                                const ByStride& convolutions) {
  const std::int64_t classes = known_classes(hints, kAnchorFields);
  if (classes == 0) {
    return std::nullopt;
  }
  Head head;
  head.classes = static_cast<std::size_t>(classes);
  for (const auto& [stride, found] : convolutions) {
    const std::int64_t fields = kAnchorFields + classes;
    if (found.size() != 1 || found[0].channels % fields != 0) {
      return std::nullopt;
    }
    const auto count = static_cast<std::size_t>(found[0].channels / fields);
    const std::vector<const Node*> tail = followers(index, found[0].tensor());
    HeadLevel level{stride, found[0].tensor(), "", {}, 1};
    const BoxCoding coding =
        read_squared(index, tail, count, level) ? BoxCoding::squared : BoxCoding::exponential;
    if (coding == BoxCoding::exponential && !read_exponential(index, tail, count, level)) {
      return std::nullopt;
    }
    if (!head.levels.empty() && head.coding != coding) {
      return std::nullopt;
    }
    head.coding = coding;
    head.levels.push_back(std::move(level));
  }
  return head;
}

/// Every how manieth column a Slice takes: the first layer of early YOLOv5 takes every second one.
std::optional<int> slice_step(const GraphIndex& index, const Node& slice) {
  constexpr int kAxes = 3;
  constexpr int kSteps = 4;
  if (slice.input_size() <= kSteps) {
    return 1;
  }
  const onnx::TensorProto* axes = index.constant(slice.input(kAxes));
  const onnx::TensorProto* steps = index.constant(slice.input(kSteps));
  if (axes == nullptr || steps == nullptr) {
    return std::nullopt;
  }
  const std::vector<double> axis = numbers(*axes);
  const std::vector<double> step = numbers(*steps);
  for (std::size_t i = 0; i < axis.size() && i < step.size(); ++i) {
    const bool across = axis[i] == 3 || axis[i] == -1;
    if (across && !(step[i] >= 1 && step[i] <= kMostStride)) {  // NaN is none, either
      return std::nullopt;
    }
    if (across) {
      return static_cast<int>(step[i]);
    }
  }
  return 1;
}

/// How much a node shrinks an image; nullopt when it does so by no constant, or enlarges it.
std::optional<int> shrinking(const GraphIndex& index, const Node& node) {
  if (node.op_type() == "Slice") {
    return slice_step(index, node);
  }
  if (node.op_type() == "Conv" || node.op_type() == "MaxPool" || node.op_type() == "AveragePool") {
    const std::vector<std::int64_t> strides = integers(node, "strides");
    if (strides.empty()) {
      return 1;
    }
    const bool even = strides.size() == 2 && strides[0] == strides[1] && strides[0] >= 1;
    return even && strides[0] <= kMostStride ? std::optional(static_cast<int>(strides[0])) : std::nullopt;
  }
  const bool enlarges =
      node.op_type() == "Resize" || node.op_type() == "Upsample" || node.op_type() == "ConvTranspose";
  return enlarges ? std::nullopt : std::optional(1);
}

}  // namespace

std::vector<const Node*> last_convolutions(const onnx::GraphProto& graph, const GraphIndex& index) {
  std::vector<const Node*> result;
  std::unordered_set<std::string> seen;
  std::vector<std::string> open;
  for (const auto& output : graph.output()) {
    open.push_back(output.name());
  }
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    const Node* node = seen.insert(name).second ? index.producer(name) : nullptr;
    if (node == nullptr || node->op_type() == "Shape" || node->input_size() == 0) {
      continue;
    }
    if (node->op_type() != "Conv") {
      open.insert(open.end(), node->input().begin(), node->input().end());
    } else if (sums_up_bins(weight_shape(index, *node))) {
      open.push_back(node->input(0));
    } else {
      result.push_back(node);
    }
  }
  return result;
}

std::optional<int> stride_of(const GraphIndex& index, const std::string& tensor) {
  std::unordered_set<std::string> seen;
  std::vector<std::pair<std::string, int>> open{{tensor, 1}};
  while (!open.empty()) {
    const auto [name, stride] = open.back();
    open.pop_back();
    if (!seen.insert(name).second || index.constant(name) != nullptr) {
      continue;
    }
    const Node* node = index.producer(name);
    if (node == nullptr) {
      return stride;  // the image
    }
    const std::optional<int> factor = shrinking(index, *node);
    if (!factor || node->op_type() == "Shape" || stride * *factor > kMostStride) {
      continue;
    }
    for (const std::string& input : node->input()) {
      open.emplace_back(input, stride * *factor);
    }
  }
  return std::nullopt;
}

std::optional<Head> find_head(const onnx::GraphProto& graph, const HeadHints& hints) {
  const GraphIndex index(graph);
  const auto convolutions = head_convolutions(graph, index);
  if (!convolutions) {
    return std::nullopt;
  }
  auto head = distance_head(graph, hints, *convolutions);
  return head ? head : anchor_head(index, hints, *convolutions);
}

}  // namespace kexp::inference
