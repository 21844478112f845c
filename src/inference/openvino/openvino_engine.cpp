#include "openvino/openvino_engine.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/sha256.hpp"
#include "kexp/core/version.hpp"
#include "kexp/inference/model_info.hpp"

#include "engine.hpp"
#include "graph/prepare_graph.hpp"
#include "graph/repairs.hpp"
#include "graph_detector.hpp"
#include "nets_by_size.hpp"
#include "openvino/engine_cache.hpp"
#include "openvino/openvino_module.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

constexpr Size2 kAnySize{0, 0};

/// "2026.4.1" of "2026.4.1-22982-e213a147257-releases/2026/4".
std::string_view short_version(const OpenvinoDevice& device) {
  const std::string_view runtime = device.runtime;
  return runtime.substr(0, runtime.find('-'));
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Results differ between precisions, and may between devices, so the name that stands in them does.
std::string name_of(const DetectorOptions& options) {
  return fmt::format("openvino{}{}", options.precision == "f32" ? "" : "-" + options.precision,
                     options.device == "CPU" ? "" : "-" + lower_case(options.device));
}

/// Everything that a compiled network depends on but its size.
std::string cache_key(const std::string& model_hash, const DetectorOptions& options, const OpenvinoApi& api,
                      const OpenvinoDevice& device) {
  const auto own = reinterpret_cast<const void*>(&cache_key);
  const auto module = reinterpret_cast<const void*>(api.compile);
  return fmt::format("model {}\nkexp {} {}\nmodule {}\nopenvino {}\ndevice {} {} {}\n{} {} {}", model_hash,
                     version(), build_id(own), build_id(module), device.runtime, options.device, device.name,
                     device.capabilities, options.precision, options.threads, options.profiled);
}

/// A model file whose prepared graph is needed once more when pictures of another form come, which is too
/// rare to keep it in memory.
struct GraphSource {
  fs::path file;
  std::string hash;

  /// Errors: ModelFileError.
  [[nodiscard]] onnx::ModelProto read() const { return prepare_graph(file, content()).model; }

 private:
  [[nodiscard]] std::string content() const {
    std::string content;
    try {
      content = read_model_file(file);
    } catch (const ModelError& e) {
      throw ModelFileError(e.what());
    }
    if (sha256_hex(content) != hash) {
      throw ModelFileError(fmt::format("{}: changed since it was loaded; start again", file.string()));
    }
    return content;
  }
};

/// A network for one size, and the stored bytes that it was made of: it may go on reading them.
class Network {
 public:
  Network(const OpenvinoApi& api, OpenvinoNetwork* network, std::unique_ptr<std::string> stored)
      : stored_(std::move(stored)), network_(network, api.close) {}
  [[nodiscard]] OpenvinoNetwork* get() const { return network_.get(); }

 private:
  std::unique_ptr<std::string> stored_;
  std::unique_ptr<OpenvinoNetwork, void (*)(OpenvinoNetwork*)> network_;
};

class OpenvinoEngine final : public Engine {
 public:
  OpenvinoEngine(EngineInput input, GraphSource source, const DetectorOptions& options,
                 const OpenvinoApi& api, const OpenvinoDevice& device, std::optional<EngineCache> cache)
      : api_(api),
        name_(name_of(options)),
        description_(fmt::format("OpenVINO {} on {} ({}), {}", short_version(device), options.device,
                                 device.name, options.precision)),
        device_(options.device),
        settings_{nullptr, options.threads, options.precision == "bf16" ? 1 : 0, options.profiled ? 1 : 0},
        source_(std::move(source)),
        model_(std::move(input.model)),
        outputs_(std::move(input.outputs)),
        cache_(std::move(cache)),
        tensors_(outputs_.size()) {
    for (const std::string& name : outputs_) {
      output_names_.push_back(name.c_str());
    }
  }

  const std::string& name() const override { return name_; }
  std::string description() const override { return description_; }

  std::vector<TensorView> run(std::vector<float>& blob, Size2 size) override {
    OpenvinoError error{};
    if (!api_.run(network_for(size).get(), blob.data(), size.height, size.width, tensors_.data(), &error)) {
      throw cannot_run(error);
    }
    std::vector<TensorView> views;
    for (const OpenvinoTensor& tensor : tensors_) {
      views.push_back({{tensor.sides, tensor.sides + tensor.rank}, tensor.values});
    }
    return views;
  }

  std::vector<LayerTime> layer_times() override {
    const Network* network = nets_.last();
    if (network == nullptr || settings_.profiled == 0) {
      return {};
    }
    std::array<OpenvinoLayers, 64> layers{};
    OpenvinoError error{};
    const int count =
        api_.layers(network->get(), layers.data(), static_cast<std::int32_t>(layers.size()), &error);
    if (count < 0) {
      throw cannot_run(error);
    }
    std::vector<LayerTime> times;
    for (auto layer = layers.begin(); layer != layers.begin() + count; ++layer) {
      times.push_back({layer->type, layer->count, Nanoseconds(layer->nanoseconds)});
    }
    return slowest_first(std::move(times));
  }

 private:
  /// Sizes have a network each, which is some percent faster, until they become many: then the others share
  /// one that takes any, for which a new size costs some ms in place of a compilation.
  const Network& network_for(Size2 size) {
    const Size2 taken = nets_.is_full_without(size) ? kAnySize : size;
    return nets_.get(taken, [&] { return load(taken); });
  }

  Network load(Size2 size) {
    if (auto stored = restored(size)) {
      return std::move(*stored);
    }
    onnx::ModelProto model = model_.graph().node_size() > 0 ? std::exchange(model_, {}) : source_.read();
    split_sizes_as_inputs(model);
    set_input_size(*model.mutable_graph(), size);
    const std::string content = model.SerializeAsString();
    model.Clear();
    OpenvinoError error{};
    OpenvinoNetwork* compiled = api_.compile(content.data(), content.size(), settings(), output_names_.data(),
                                             static_cast<std::int32_t>(output_names_.size()), &error);
    if (compiled == nullptr) {
      throw cannot_run(error);
    }
    Network network(api_, compiled, nullptr);
    store(network, size);
    return network;
  }

  std::optional<Network> restored(Size2 size) {
    auto stored = cache_ ? cache_->network(size) : std::nullopt;
    if (!stored) {
      return std::nullopt;
    }
    auto bytes = std::make_unique<std::string>(std::move(*stored));
    OpenvinoError error{};
    OpenvinoNetwork* network = api_.restore(bytes->data(), bytes->size(), settings(), output_names_.data(),
                                            static_cast<std::int32_t>(output_names_.size()), &error);
    if (network == nullptr) {
      cache_->warn(plain_text(error));
      return std::nullopt;
    }
    return Network(api_, network, std::move(bytes));
  }

  void store(const Network& network, Size2 size) {
    if (!cache_) {
      return;
    }
    std::string content;
    const auto take = [](void* to, const void* bytes, std::uint64_t count) {
      static_cast<std::string*>(to)->assign(static_cast<const char*>(bytes), count);
    };
    OpenvinoError error{};
    if (api_.store(network.get(), take, &content, &error)) {
      cache_->keep_network(size, std::move(content));
    } else {
      cache_->warn(plain_text(error));
    }
  }

  const OpenvinoSettings* settings() {
    settings_.device = device_.c_str();
    return &settings_;
  }

  [[nodiscard]] ModelError cannot_run(const OpenvinoError& error) const {
    return ModelError(fmt::format("{}: {} cannot run this graph: {}", source_.file.string(), description_,
                                  plain_text(error)));
  }

  const OpenvinoApi& api_;
  const std::string name_;
  const std::string description_;
  const std::string device_;
  OpenvinoSettings settings_;
  GraphSource source_;
  onnx::ModelProto model_;  ///< For the first network; empty when that comes from the cache.
  std::vector<std::string> outputs_;
  std::vector<const char*> output_names_;
  std::optional<EngineCache> cache_;
  NetsBySize<Network> nets_;
  std::vector<OpenvinoTensor> tensors_;
};

/// The prepared graph, or what the cache knows of it; `hash` becomes the file's.
PreparedGraph graph_of(const fs::path& model, const std::string& content, std::optional<EngineCache>& cache) {
  if (cache) {
    if (auto known = cache->facts()) {
      known->info.name = model.stem();
      return std::move(*known);
    }
  }
  PreparedGraph graph = prepare_graph(model, content);
  if (cache) {
    cache->keep_facts(graph);
  }
  return graph;
}

void warn_of_bf16(const DetectorOptions& options) {
  if (options.precision == "bf16" && options.log != nullptr) {
    options.log->warn(
        "inference: --precision bf16 is faster, and moves boxes by up to 2.5 px and confidences by up to "
        "0.03; results differ between machines");
  }
}

}  // namespace

OpenvinoDevice describe_device(const OpenvinoApi& api, const DetectorOptions& options) {
  OpenvinoDevice device{};
  OpenvinoError error{};
  if (!api.describe(options.device.c_str(), &device, &error)) {
    throw UsageError(fmt::format("--device {}: {}", options.device, plain_text(error)));
  }
  if (options.precision == "bf16" && device.has_bf16 == 0) {
    throw UsageError(
        fmt::format("--precision bf16: {} ({}) has no bf16, use f32", options.device, device.name));
  }
  return device;
}

std::unique_ptr<Detector> make_openvino_detector(const fs::path& model, const DetectorOptions& options,
                                                 const OpenvinoApi& api, const OpenvinoDevice& device) {
  warn_of_bf16(options);
  std::string content = read_model_file(model);
  GraphSource source{model, sha256_hex(content)};
  std::optional<EngineCache> cache;
  if (!options.engine_cache.empty() && device.can_be_stored != 0) {
    cache.emplace(options.engine_cache, cache_key(source.hash, options, api, device), options.log);
  }
  PreparedGraph graph = graph_of(model, content, cache);
  content = {};  // given back before the network is built
  return make_graph_detector(model, std::move(graph), options, [&](EngineInput input) {
    return std::make_unique<OpenvinoEngine>(std::move(input), std::move(source), options, api, device,
                                            std::move(cache));
  });
}

}  // namespace kexp::inference
