// A model file from anywhere: read, repaired, cut, and made what the OpenCV engine hands to OpenCV.

#include "kexp/inference/detector.hpp"

#include "graph/prepare_graph.hpp"
#include "input_plan.hpp"
#include "opencv/activations.hpp"
#include "opencv/attention.hpp"
#include "target.hpp"

namespace {

using kexp::fuzz::require;
namespace inference = kexp::inference;

/// Every place of a picture in a graph's input has to have room for it.
void place_pictures(const inference::PreparedGraph& graph) {
  const inference::InputPlan plan(graph, {});
  for (const kexp::Size2 picture : {kexp::Size2{1, 1}, {640, 480}, {3, 16384}}) {
    const inference::Letterbox letterbox = plan.place(picture);
    require(letterbox.input.width <= plan.largest().width && letterbox.input.height <= plan.largest().height,
            "no input is larger than the largest");
    require(letterbox.left >= 0 && letterbox.top >= 0 &&
                letterbox.left + letterbox.scaled.width <= letterbox.input.width &&
                letterbox.top + letterbox.scaled.height <= letterbox.input.height,
            "a picture fits into its input");
  }
}

void make_for_opencv(onnx::ModelProto model) {
  inference::fuse_activations(*model.mutable_graph());
  inference::replace_attention(*model.mutable_graph());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const inference::PreparedGraph graph =
        inference::prepare_graph("model.onnx", kexp::fuzz::text_of(data, size));
    require(!graph.outputs.empty(), "a prepared graph has outputs");
    make_for_opencv(graph.model);
    static_cast<void>(inference::prepare_graph("prepared.onnx", inference::as_file(graph)));
    place_pictures(graph);
  } catch (const inference::ModelError&) {
    return 0;  // names the file and what is wrong
  }
  return 0;
}
