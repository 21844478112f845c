#pragma once

/// What the raw head tensors of a YOLO network mean, and the boxes in them: the part of a detector that
/// exporters put into the graph as slow tensor algebra, done here on the few anchors that matter. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/inference/decode.hpp"

namespace kexp::inference {

/// How the raw numbers become a box.
enum class BoxCoding {
  distances,   ///< From the cell's centre to the four sides, each as bins or one number (YOLOv5u, v8 to 26).
  squared,     ///< Centre (2s - 0.5), size (2s)^2 times the anchor (YOLOv5).
  exponential  ///< Centre s, size exp(t) times the anchor (Darknet's YOLOv3).
};

/// Which of the candidates are detections.
enum class Selection {
  suppress,  ///< Those that no better one of their class overlaps.
  top        ///< The best 300: the network was trained to answer once for each object.
};

struct Anchor {
  float width = 0;  ///< In pixels of the network input.
  float height = 0;
};

/// One resolution of the head.
struct HeadLevel {
  int stride = 0;               ///< Pixels of the input from cell to cell.
  std::string boxes;            ///< The tensor with the boxes; with anchors it holds the scores, too.
  std::string classes;          ///< The tensor with the class scores; empty with anchors.
  std::vector<Anchor> anchors;  ///< Empty with distances.
  float spread = 1;             ///< Exponential: Darknet's scale_x_y.
};

struct Head {
  BoxCoding coding = BoxCoding::distances;
  Selection selection = Selection::suppress;
  std::size_t classes = 0;
  std::size_t bins = 1;  ///< Of each distance; 1: the number itself.
  std::vector<HeadLevel> levels;
};

/// The tensors that the head is read from, level by level, boxes before classes.
[[nodiscard]] std::vector<std::string> tensor_names(const Head& head);

/// "distances in 16 bins, strides 8, 16 and 32, 80 classes, overlaps suppressed".
[[nodiscard]] std::string head_text(const Head& head);

/// A description that is kept in a model's metadata, and back. nullopt when the text is none.
[[nodiscard]] std::string head_json(const Head& head);
[[nodiscard]] std::optional<Head> parse_head(std::string_view json);

/// A float32 tensor that somebody else holds.
struct TensorView {
  std::vector<std::int64_t> shape;
  const float* values = nullptr;
};

/// Whether `tensors` (in the order of `tensor_names`) have the shapes that the head's decoding needs for an
/// input of `width` x `height`. Errors: ModelError naming the tensor that has not.
void check_tensors(const Head& head, std::span<const TensorView> tensors, int width, int height);

/// Candidates above `confidence`: each anchor with its best class, or with `Selection::top` the best 300
/// pairs of anchor and class. With anchor boxes the objectness has to be above it, too. Requires:
/// `check_tensors` took the tensors.
[[nodiscard]] std::vector<Candidate> decode_head(const Head& head, std::span<const TensorView> tensors,
                                                 float confidence);

}  // namespace kexp::inference
