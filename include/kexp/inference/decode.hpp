#pragma once

/// From a network's output tensor to candidate boxes, for every layout that YOLO exports have. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kexp::inference {

/// A box in pixels of the network input, from its upper left to its lower right corner.
struct Candidate {
  float x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  float confidence = 0;
  int class_id = 0;
};

/// Which number of the output tensor says what.
enum class Layout {
  rows,       ///< 1 x N x (5 + classes): centre, size, objectness, class scores (YOLOv5, YOLOv3).
  columns,    ///< 1 x (4 + classes) x N: centre, size, class scores (YOLOv8, v10, 11, 26).
  end_to_end  ///< 1 x N x 6: corners, confidence, class; the graph did the suppression.
};

struct OutputLayout {
  Layout layout = Layout::rows;
  std::size_t boxes = 0;
  std::size_t classes = 0;  ///< 0 when end to end: the tensor does not say.
};

/// Tells the layout by the tensor's shape; the number of `labels` (0: unknown) decides where the shape alone
/// fits two. Errors: ModelError when it is no detector's.
[[nodiscard]] OutputLayout layout_of(std::span<const std::int64_t> shape, std::size_t labels);

/// Candidates above `confidence`, each with its best class. For rows objectness has to be above it, too,
/// and the confidence is objectness times class score.
/// Requires: `tensor` holds as many numbers as the layout's shape.
[[nodiscard]] std::vector<Candidate> decode(const OutputLayout& layout, std::span<const float> tensor,
                                            float confidence);

/// Leaves out those whose box is not finite, as a network with diverged weights makes them.
void drop_infinite_boxes(std::vector<Candidate>& candidates);

/// "1x25200x85".
[[nodiscard]] std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace kexp::inference
