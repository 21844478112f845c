#pragma once

#include "kexp/inference/detector.hpp"
#include "kexp/inference/letterbox.hpp"

#include "graph/prepare_graph.hpp"

namespace kexp::inference {

/// At which size the network sees a picture.
///
/// `auto`: the smallest rectangle of whole strides that a picture fills at the exported scale, where the
/// graph runs at any size and was exported square; else the exported size.
class InputPlan {
 public:
  /// Errors: ModelError when the graph cannot run at the wanted size (without the file's name).
  InputPlan(const PreparedGraph& graph, const InputSize& wanted);

  /// The size for pictures of unknown form: the largest.
  [[nodiscard]] Size2 largest() const { return largest_; }
  [[nodiscard]] bool rectangular() const { return rectangular_; }
  [[nodiscard]] Letterbox place(Size2 image) const;

 private:
  Size2 largest_;
  int stride_ = 0;
  bool rectangular_ = false;
};

}  // namespace kexp::inference
