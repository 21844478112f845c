#include "input_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kexp::inference {

namespace {

constexpr int kUsualSide = 640;  // what exporters take when they are told nothing

std::string size_text(Size2 size) { return fmt::format("{}x{}", size.width, size.height); }

Size2 square(Size2 size) {
  const int side = std::max(size.width, size.height);
  return {side, side};
}

Size2 exported_size(const ModelInfo& info) {
  return info.size.width > 0 ? info.size : Size2{kUsualSide, kUsualSide};
}

}  // namespace

InputPlan::InputPlan(const PreparedGraph& graph, const InputSize& wanted) : stride_(largest_stride(graph)) {
  const Size2 exported = exported_size(graph.info);
  largest_ = wanted.kind == InputSize::Kind::fixed    ? wanted.size
             : wanted.kind == InputSize::Kind::square ? square(exported)
                                                      : exported;
  if (graph.sizes == Sizes::one && largest_ != exported) {
    throw ModelError(fmt::format(
        "exported for {}, cannot run at {} (--input): export it at that size, or with dynamic=True",
        size_text(exported), size_text(largest_)));
  }
  if (graph.sizes != Sizes::one && (largest_.width % stride_ != 0 || largest_.height % stride_ != 0)) {
    throw ModelError(fmt::format("cannot run at {} (--input): its sides have to be multiples of {}",
                                 size_text(largest_), stride_));
  }
  rectangular_ = wanted.kind == InputSize::Kind::automatic && graph.sizes != Sizes::one && graph.head &&
                 largest_.width == largest_.height;
}

Letterbox InputPlan::place(Size2 image) const {
  return rectangular_ ? fit_rectangle(image, largest_, stride_) : fit(image, largest_);
}

}  // namespace kexp::inference
