#include "kexp/inference/decode.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <fmt/format.h>

#include "kexp/inference/detector.hpp"

namespace kexp::inference {

namespace {

constexpr std::int64_t kRowExtras = 5;     // centre, size, objectness
constexpr std::int64_t kColumnExtras = 4;  // centre, size
constexpr std::int64_t kEndToEndFields = 6;
constexpr std::int64_t kMostEndToEndRows = 300;
constexpr float kMostClasses = 1e6F;

/// An end-to-end graph of one class looks like rows of one class; but exporters give it 300 rows.
bool is_end_to_end(std::int64_t boxes, std::int64_t numbers, std::size_t labels) {
  return numbers == kEndToEndFields &&
         (labels == 1 ? boxes == kMostEndToEndRows : boxes <= kMostEndToEndRows);
}

Candidate centred(float x, float y, float width, float height, float confidence, std::size_t class_id) {
  return {x - width / 2,  y - height / 2, x + width / 2,
          y + height / 2, confidence,     static_cast<int>(class_id)};
}

std::vector<Candidate> decode_rows(const OutputLayout& layout, std::span<const float> tensor, float least) {
  std::vector<Candidate> found;
  const std::size_t length = layout.classes + kRowExtras;
  for (std::size_t i = 0; i < layout.boxes; ++i) {
    const float* row = tensor.data() + i * length;
    const float objectness = row[4];
    if (!(objectness > least)) {  // most rows end here; NaN does, too
      continue;
    }
    const float* scores = row + kRowExtras;
    const float* best = std::max_element(scores, scores + layout.classes);
    const float confidence = objectness * *best;
    if (confidence > least) {
      found.push_back(
          centred(row[0], row[1], row[2], row[3], confidence, static_cast<std::size_t>(best - scores)));
    }
  }
  return found;
}

std::vector<Candidate> decode_columns(const OutputLayout& layout, std::span<const float> tensor,
                                      float least) {
  const std::size_t boxes = layout.boxes;
  std::vector<float> best(boxes, least);
  std::vector<std::size_t> best_class(boxes, layout.classes);
  for (std::size_t c = 0; c < layout.classes; ++c) {  // class by class: the tensor is read in order
    const float* scores = tensor.data() + (kColumnExtras + c) * boxes;
    for (std::size_t i = 0; i < boxes; ++i) {
      if (scores[i] > best[i]) {
        best[i] = scores[i];
        best_class[i] = c;
      }
    }
  }
  std::vector<Candidate> found;
  const float* x = tensor.data();
  for (std::size_t i = 0; i < boxes; ++i) {
    if (best_class[i] < layout.classes) {
      found.push_back(
          centred(x[i], x[boxes + i], x[2 * boxes + i], x[3 * boxes + i], best[i], best_class[i]));
    }
  }
  return found;
}

std::vector<Candidate> decode_end_to_end(const OutputLayout& layout, std::span<const float> tensor,
                                         float least) {
  std::vector<Candidate> found;
  for (std::size_t i = 0; i < layout.boxes; ++i) {
    const float* row = tensor.data() + i * kEndToEndFields;
    const bool has_class = row[5] >= 0 && row[5] < kMostClasses;
    if (row[4] > least && has_class) {
      found.push_back({row[0], row[1], row[2], row[3], row[4], static_cast<int>(row[5])});
    }
  }
  return found;
}

}  // namespace

void drop_infinite_boxes(std::vector<Candidate>& candidates) {
  std::erase_if(candidates, [](const Candidate& box) {
    return !std::isfinite(box.x1) || !std::isfinite(box.y1) || !std::isfinite(box.x2) ||
           !std::isfinite(box.y2);
  });
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text;
  for (const std::int64_t side : shape) {
    text += text.empty() ? "" : "x";
    text += side < 0 ? "?" : std::to_string(side);
  }
  return text;
}

OutputLayout layout_of(std::span<const std::int64_t> shape, std::size_t labels) {
  const auto no_detector = [&](const std::string& why) {
    return ModelError(fmt::format("no YOLO detector: its output is {}, {}", shape_text(shape), why));
  };
  if (shape.size() != 3 || shape[0] != 1 || shape[1] < 1 || shape[2] < 1) {
    throw no_detector("wanted 1 x boxes x (5 + classes), 1 x (4 + classes) x boxes or 1 x boxes x 6");
  }
  const std::int64_t a = shape[1];
  const std::int64_t b = shape[2];
  const auto rows = [&] {
    return OutputLayout{Layout::rows, static_cast<std::size_t>(a), static_cast<std::size_t>(b - kRowExtras)};
  };
  const auto columns = [&] {
    return OutputLayout{Layout::columns, static_cast<std::size_t>(b),
                        static_cast<std::size_t>(a - kColumnExtras)};
  };
  const auto known = static_cast<std::int64_t>(labels);
  if (is_end_to_end(a, b, labels)) {
    return {Layout::end_to_end, static_cast<std::size_t>(a), 0};
  }
  if (labels > 0) {
    if (b == known + kRowExtras) {
      return rows();
    }
    if (a == known + kColumnExtras) {
      return columns();
    }
    throw no_detector(fmt::format("but it has {} labels", labels));
  }
  if (a > b && b > kRowExtras) {
    return rows();
  }
  if (a < b && a > kColumnExtras) {
    return columns();
  }
  throw no_detector("which leaves no room for classes");
}

std::vector<Candidate> decode(const OutputLayout& layout, std::span<const float> tensor, float confidence) {
  switch (layout.layout) {
    case Layout::rows:
      assert(tensor.size() == layout.boxes * (layout.classes + kRowExtras));
      return decode_rows(layout, tensor, confidence);
    case Layout::columns:
      assert(tensor.size() == layout.boxes * (layout.classes + kColumnExtras));
      return decode_columns(layout, tensor, confidence);
    case Layout::end_to_end:
      assert(tensor.size() == layout.boxes * kEndToEndFields);
      return decode_end_to_end(layout, tensor, confidence);
  }
  return {};
}

}  // namespace kexp::inference
