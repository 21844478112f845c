#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "kexp/inference/head.hpp"

namespace kexp::inference {

namespace {

constexpr std::size_t kTop = 300;  // what the networks that answer once for each object are asked for
constexpr std::size_t kAnchorFields = 5;

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

/// The raw number whose sigmoid is `share`, a hair less: who is above it is looked at exactly.
float raw_limit(float share) {
  constexpr float kHair = 1e-3F;
  if (share <= 0) {
    return -std::numeric_limits<float>::infinity();
  }
  return share >= 1 ? std::numeric_limits<float>::infinity() : std::log(share / (1 - share)) - kHair;
}

/// A level's place in the tensors: its cells, row by row.
struct Grid {
  std::size_t width = 0;
  std::size_t cells = 0;
  float stride = 1;

  [[nodiscard]] float column(std::size_t cell) const { return static_cast<float>(cell % width); }
  [[nodiscard]] float row(std::size_t cell) const { return static_cast<float>(cell / width); }
};

Grid grid_of(const HeadLevel& level, const TensorView& tensor) {
  const auto height = static_cast<std::size_t>(tensor.shape[2]);
  const auto width = static_cast<std::size_t>(tensor.shape[3]);
  return {width, height * width, static_cast<float>(level.stride)};
}

/// The largest of a cell's class scores, for every cell: plane by plane, so that memory is read in order.
void best_scores(const float* scores, std::size_t classes, std::size_t cells, std::vector<float>& best) {
  best.assign(scores, scores + cells);
  float* const most = best.data();
  for (std::size_t c = 1; c < classes; ++c) {
    const float* const plane = scores + c * cells;
    for (std::size_t i = 0; i < cells; ++i) {
      most[i] = plane[i] > most[i] ? plane[i] : most[i];
    }
  }
}

std::size_t best_class(const float* scores, std::size_t classes, std::size_t cells, std::size_t cell) {
  std::size_t best = 0;
  for (std::size_t c = 1; c < classes; ++c) {
    best = scores[c * cells + cell] > scores[best * cells + cell] ? c : best;
  }
  return best;
}

/// The mean of the bins' numbers, weighted by the softmax of what stands in them.
float expectation(const float* bins, std::size_t count, std::size_t step) {
  float most = bins[0];
  for (std::size_t i = 1; i < count; ++i) {
    most = std::max(most, bins[i * step]);
  }
  float sum = 0;
  float weighted = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float weight = std::exp(bins[i * step] - most);
    sum += weight;
    weighted += weight * static_cast<float>(i);
  }
  return weighted / sum;
}

/// From the cell's centre to left, top, right and bottom.
Candidate distance_box(const float* boxes, std::size_t bins, const Grid& grid, std::size_t cell) {
  const auto distance = [&](std::size_t side) {
    const float* const first = boxes + side * bins * grid.cells + cell;
    return bins == 1 ? *first : expectation(first, bins, grid.cells);
  };
  const float x = grid.column(cell) + 0.5F;
  const float y = grid.row(cell) + 0.5F;
  return {(x - distance(0)) * grid.stride,
          (y - distance(1)) * grid.stride,
          (x + distance(2)) * grid.stride,
          (y + distance(3)) * grid.stride,
          0,
          0};
}

/// One cell of a distance head that may be a candidate.
struct Found {
  std::size_t level = 0;
  std::size_t cell = 0;
  float score = 0;  ///< Raw, of the best class.
};

std::vector<Found> cells_above(const Head& head, std::span<const TensorView> tensors, float limit) {
  std::vector<Found> found;
  std::vector<float> best;
  for (std::size_t level = 0; level < head.levels.size(); ++level) {
    const TensorView& scores = tensors[2 * level + 1];
    const Grid grid = grid_of(head.levels[level], scores);
    best_scores(scores.values, head.classes, grid.cells, best);
    for (std::size_t cell = 0; cell < grid.cells; ++cell) {
      if (best[cell] > limit) {
        found.push_back({level, cell, best[cell]});
      }
    }
  }
  return found;
}

Candidate box_of(const Head& head, std::span<const TensorView> tensors, const Found& found) {
  const TensorView& boxes = tensors[2 * found.level];
  return distance_box(boxes.values, head.bins, grid_of(head.levels[found.level], boxes), found.cell);
}

std::vector<Candidate> decode_best_classes(const Head& head, std::span<const TensorView> tensors,
                                           float least) {
  std::vector<Candidate> candidates;
  for (const Found& found : cells_above(head, tensors, raw_limit(least))) {
    const float confidence = sigmoid(found.score);
    if (!(confidence > least)) {
      continue;
    }
    const TensorView& scores = tensors[2 * found.level + 1];
    const std::size_t cells = grid_of(head.levels[found.level], scores).cells;
    Candidate candidate = box_of(head, tensors, found);
    candidate.confidence = confidence;
    candidate.class_id = static_cast<int>(best_class(scores.values, head.classes, cells, found.cell));
    candidates.push_back(candidate);
  }
  return candidates;
}

template <typename T, typename Better>
void keep_best(std::vector<T>& values, std::size_t most, Better better) {
  std::stable_sort(values.begin(), values.end(), better);
  values.resize(std::min(values.size(), most));
}

/// As the graphs do it: the 300 cells of the best classes, and of all their scores the best 300.
std::vector<Candidate> decode_top(const Head& head, std::span<const TensorView> tensors, float least) {
  std::vector<Found> cells = cells_above(head, tensors, raw_limit(least));
  keep_best(cells, kTop, [](const Found& a, const Found& b) { return a.score > b.score; });
  std::vector<Candidate> candidates;
  for (const Found& found : cells) {
    const TensorView& scores = tensors[2 * found.level + 1];
    const std::size_t step = grid_of(head.levels[found.level], scores).cells;
    Candidate candidate = box_of(head, tensors, found);
    for (std::size_t c = 0; c < head.classes; ++c) {
      candidate.confidence = sigmoid(scores.values[c * step + found.cell]);
      candidate.class_id = static_cast<int>(c);
      if (candidate.confidence > least) {
        candidates.push_back(candidate);
      }
    }
  }
  keep_best(candidates, kTop,
            [](const Candidate& a, const Candidate& b) { return a.confidence > b.confidence; });
  return candidates;
}

Candidate centred(float x, float y, float width, float height) {
  return {x - width / 2, y - height / 2, x + width / 2, y + height / 2, 0, 0};
}

/// `raw` is the first of the box's four numbers, `grid.cells` apart.
Candidate anchor_box(BoxCoding coding, const HeadLevel& level, const Anchor& anchor, const float* raw,
                     const Grid& grid, std::size_t cell) {
  const float column = grid.column(cell);
  const float row = grid.row(cell);
  const float x = sigmoid(raw[0]);
  const float y = sigmoid(raw[grid.cells]);
  if (coding == BoxCoding::squared) {
    const float width = 2 * sigmoid(raw[2 * grid.cells]);
    const float height = 2 * sigmoid(raw[3 * grid.cells]);
    return centred((2 * x - 0.5F + column) * grid.stride, (2 * y - 0.5F + row) * grid.stride,
                   width * width * anchor.width, height * height * anchor.height);
  }
  const float shift = 0.5F * (level.spread - 1);
  return centred((x * level.spread + column - shift) * grid.stride,
                 (y * level.spread + row - shift) * grid.stride, std::exp(raw[2 * grid.cells]) * anchor.width,
                 std::exp(raw[3 * grid.cells]) * anchor.height);
}

void decode_anchor(const Head& head, const HeadLevel& level, std::size_t anchor, const TensorView& tensor,
                   float least, std::vector<Candidate>& candidates) {
  const Grid grid = grid_of(level, tensor);
  const float* const planes = tensor.values + anchor * (kAnchorFields + head.classes) * grid.cells;
  const float* const objectness = planes + 4 * grid.cells;
  const float* const scores = planes + kAnchorFields * grid.cells;
  const float limit = raw_limit(least);
  for (std::size_t cell = 0; cell < grid.cells; ++cell) {
    if (!(objectness[cell] > limit)) {  // most cells end here; NaN does, too
      continue;
    }
    const float object = sigmoid(objectness[cell]);
    const std::size_t best = best_class(scores, head.classes, grid.cells, cell);
    const float confidence = object * sigmoid(scores[best * grid.cells + cell]);
    if (object > least && confidence > least) {
      Candidate candidate = anchor_box(head.coding, level, level.anchors[anchor], planes + cell, grid, cell);
      candidate.confidence = confidence;
      candidate.class_id = static_cast<int>(best);
      candidates.push_back(candidate);
    }
  }
}

std::vector<Candidate> decode_anchors(const Head& head, std::span<const TensorView> tensors, float least) {
  std::vector<Candidate> candidates;
  for (std::size_t level = 0; level < head.levels.size(); ++level) {
    for (std::size_t anchor = 0; anchor < head.levels[level].anchors.size(); ++anchor) {
      decode_anchor(head, head.levels[level], anchor, tensors[level], least, candidates);
    }
  }
  return candidates;
}

}  // namespace

std::vector<Candidate> decode_head(const Head& head, std::span<const TensorView> tensors, float confidence) {
  assert(tensors.size() == tensor_names(head).size());
  if (head.coding != BoxCoding::distances) {
    return decode_anchors(head, tensors, confidence);
  }
  return head.selection == Selection::top ? decode_top(head, tensors, confidence)
                                          : decode_best_classes(head, tensors, confidence);
}

}  // namespace kexp::inference
