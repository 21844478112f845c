#include "graph_detector.hpp"

#include <utility>

#include <fmt/format.h>

#include "kexp/inference/letterbox.hpp"
#include "kexp/inference/model_info.hpp"
#include "kexp/inference/nms.hpp"

#include "class_filter.hpp"
#include "graph/prepare_graph.hpp"
#include "input_plan.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

class GraphDetector final : public Detector {
 public:
  GraphDetector(const fs::path& file, PreparedGraph graph, const DetectorOptions& options,
                const MakeEngine& make_engine)
      : file_(file),
        options_(options),
        plan_(graph, options.input),
        name_(graph.info.name),
        labels_(std::move(graph.info.labels)),
        classes_(options.classes, labels_, name_),
        head_(std::move(graph.head)),
        size_(plan_.largest()) {
    if (graph.info.open_size) {
      graph.changes.push_back(fmt::format("open input given a size, at most {}x{}", plan_.largest().width,
                                          plan_.largest().height));
    }
    preparation_ = {head_ ? head_text(*head_) : std::string(), std::move(graph.changes),
                    std::move(graph.info.warnings), plan_.rectangular()};
    engine_ = make_engine({file.string(), std::move(graph.model), std::move(graph.outputs), options.threads,
                           graph.sizes == Sizes::by_choice && plan_.rectangular(), options.streams});
  }

  DetectorResult detect(const image::Image& image) override {
    const auto start = std::chrono::steady_clock::now();
    const Letterbox letterbox = plan_.place({image.width, image.height});
    fill_blob(image, letterbox, blob_);
    const auto filled = std::chrono::steady_clock::now();
    const std::vector<TensorView> tensors = run(letterbox.input);
    const auto inferred = std::chrono::steady_clock::now();

    DetectorResult result;
    for (const Candidate& candidate : find(tensors)) {
      result.detections.push_back(to_image(candidate, letterbox));
    }
    result.input_shape = input_shape();
    result.preprocess = filled - start;
    result.inference = inferred - filled;
    result.postprocess = std::chrono::steady_clock::now() - inferred;
    return result;
  }

  const std::string& engine() const override { return engine_->name(); }
  std::string engine_description() const override { return engine_->description(); }
  const std::string& model_name() const override { return name_; }
  const std::vector<std::string>& labels() const override { return labels_; }
  std::vector<std::int64_t> input_shape() const override { return {1, 3, size_.height, size_.width}; }
  const Preparation& preparation() const override { return preparation_; }
  std::vector<LayerTime> layer_times() override { return engine_->layer_times(); }

  /// The first run, which engines plan their memory in.
  void warm_up() {
    const auto pixels = static_cast<std::size_t>(size_.width) * static_cast<std::size_t>(size_.height);
    blob_.assign(3 * pixels, 0);
    static_cast<void>(run(size_));
  }

 private:
  std::vector<TensorView> run(Size2 size) {
    std::vector<TensorView> tensors = engine_->run(blob_, size);
    const bool is_new = size != size_ || !looked_at_;
    // A graph that finishes its boxes itself may answer with another number of them each time, or with none.
    if (is_new || (!head_ && numbers_in(tensors.at(0)) > 0)) {
      look_at(tensors, size);
    }
    return tensors;
  }

  void look_at(const std::vector<TensorView>& tensors, Size2 size) {
    try {
      if (head_) {
        check_tensors(*head_, tensors, size.width, size.height);
      } else {
        layout_ = layout_of(tensors.at(0).shape, labels_.size());
      }
    } catch (const ModelError& e) {
      throw ModelError(fmt::format("{}: {}", file_.string(), e.what()));
    }
    size_ = size;
    looked_at_ = true;
  }

  [[nodiscard]] std::vector<Candidate> find(const std::vector<TensorView>& tensors) const {
    const auto least = static_cast<float>(options_.confidence);
    const auto most = static_cast<std::size_t>(options_.max_detections);
    std::vector<Candidate> candidates =
        head_ ? decode_head(*head_, tensors, least) : own_boxes(tensors[0], least);
    drop_infinite_boxes(candidates);
    classes_.apply(candidates);
    return suppressed(head_, layout_) ? best_first(std::move(candidates), most)
                                      : suppress(std::move(candidates), options_.iou, most);
  }

  [[nodiscard]] std::vector<Candidate> own_boxes(const TensorView& tensor, float least) const {
    const std::size_t count = numbers_in(tensor);
    return count == 0 ? std::vector<Candidate>() : decode(layout_, {tensor.values, count}, least);
  }

  static std::size_t numbers_in(const TensorView& tensor) {
    std::size_t count = 1;
    for (const std::int64_t side : tensor.shape) {
      count *= static_cast<std::size_t>(side);
    }
    return count;
  }

  /// Whether the network itself says each object once.
  static bool suppressed(const std::optional<Head>& head, const OutputLayout& layout) {
    return head ? head->selection == Selection::top : layout.layout == Layout::end_to_end;
  }

  fs::path file_;
  DetectorOptions options_;
  InputPlan plan_;
  std::string name_;
  std::vector<std::string> labels_;
  ClassFilter classes_;
  std::optional<Head> head_;
  OutputLayout layout_;
  Preparation preparation_;
  std::unique_ptr<Engine> engine_;
  Size2 size_;
  bool looked_at_ = false;
  std::vector<float> blob_;
};

}  // namespace

std::unique_ptr<Detector> make_graph_detector(const fs::path& file, PreparedGraph graph,
                                              const DetectorOptions& options, const MakeEngine& make_engine) {
  std::unique_ptr<GraphDetector> detector;
  try {
    detector = std::make_unique<GraphDetector>(file, std::move(graph), options, make_engine);
  } catch (const ModelError& e) {
    throw ModelError(fmt::format("{}: {}", file.string(), e.what()));
  }
  detector->warm_up();
  return detector;
}

}  // namespace kexp::inference
