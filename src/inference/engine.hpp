#pragma once

#include <string>
#include <vector>

#include "kexp/core/units.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/head.hpp"

namespace kexp::inference {

/// A network ready to run: what is different from engine to engine. Letterbox, decoding and suppression are
/// the detector's, and the same for all. Threads: one at a time per object.
class Engine {
 public:
  virtual ~Engine() = default;
  /// "opencv".
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// "OpenCV 4.6.0".
  [[nodiscard]] virtual std::string description() const = 0;
  /// Runs the network on a blob of 1 x 3 x height x width. Its outputs in the order that was asked for, valid
  /// until the next run. Errors: ModelError with the engine's own words and, where it tells, the node.
  [[nodiscard]] virtual std::vector<TensorView> run(std::vector<float>& blob, Size2 size) = 0;
  /// What the last run cost, the slowest type first; empty when the engine does not say.
  [[nodiscard]] virtual std::vector<LayerTime> layer_times() = 0;
};

[[nodiscard]] std::vector<LayerTime> slowest_first(std::vector<LayerTime> times);

}  // namespace kexp::inference
