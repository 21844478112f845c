// The module around OpenVINO, behind the functions of openvino_abi.hpp. No exception leaves it.

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openvino/openvino.hpp>

#include "openvino_abi.hpp"

namespace kexp::inference {

struct OpenvinoNetwork {
  ov::CompiledModel model;
  ov::InferRequest request;
  std::vector<ov::Output<const ov::Node>> outputs;
  float* blob = nullptr;  // what the request's input is bound to
  ov::Shape shape;        // and as what
  std::vector<ov::Tensor> results;
  std::vector<std::vector<std::int64_t>> sides;  // of the results
  std::vector<std::string> layer_types;          // of the last answer to `layers`
};

namespace {

template <std::size_t size>
void set_text(char (&to)[size], std::string_view text) {
  const std::size_t length = std::min(text.size(), size - 1);
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}

template <typename Result, typename Action>
Result guarded(OpenvinoError* error, Result failed, Action action) {
  try {
    return action();
  } catch (const std::exception& e) {
    set_text(error->text, e.what());
  } catch (...) {
    set_text(error->text, "an exception that is no std::exception");
  }
  return failed;
}

/// One for the process: it holds the device's library.
ov::Core& core() {
  static ov::Core core;
  return core;
}

bool is_cpu(const char* device) { return std::string_view(device).substr(0, 3) == "CPU"; }

/// Everything that OpenVINO would else choose by the machine: precision, threads, where they run.
ov::AnyMap properties_of(const OpenvinoSettings& settings) {
  ov::AnyMap properties{
      ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
      ov::hint::inference_precision(settings.bf16 != 0 ? ov::element::bf16 : ov::element::f32),
      ov::enable_profiling(settings.profiled != 0)};
  if (is_cpu(settings.device)) {
    properties.insert(ov::num_streams(1));
    properties.insert(ov::inference_num_threads(settings.threads));
    properties.insert(ov::hint::enable_cpu_pinning(false));
  }
  return properties;
}

OpenvinoNetwork* ready(ov::CompiledModel model, const char* const* outputs, std::int32_t output_count) {
  auto network = std::make_unique<OpenvinoNetwork>();
  for (std::int32_t i = 0; i < output_count; ++i) {
    network->outputs.push_back(model.output(outputs[i]));
    if (network->outputs.back().get_element_type() != ov::element::f32) {
      throw std::runtime_error(std::string("its output ") + outputs[i] + " is no float32 tensor");
    }
  }
  network->results.resize(network->outputs.size());
  network->sides.resize(network->outputs.size());
  network->request = model.create_infer_request();
  network->model = std::move(model);
  return network.release();
}

bool describe(const char* device, OpenvinoDevice* result, OpenvinoError* error) {
  return guarded(error, false, [&] {
    *result = {};
    set_text(result->runtime, ov::get_openvino_version().buildNumber);
    set_text(result->name, core().get_property(device, ov::device::full_name));
    std::string all;
    for (const std::string& capability : core().get_property(device, ov::device::capabilities)) {
      all += (all.empty() ? "" : " ") + capability;
      result->has_bf16 |= capability == ov::device::capability::BF16 ? 1 : 0;
      result->can_be_stored |= capability == ov::device::capability::EXPORT_IMPORT ? 1 : 0;
    }
    set_text(result->capabilities, all);
    return true;
  });
}

OpenvinoNetwork* compile(const void* onnx, std::uint64_t bytes, const OpenvinoSettings* settings,
                         const char* const* outputs, std::int32_t output_count, OpenvinoError* error) {
  return guarded<OpenvinoNetwork*>(error, nullptr, [&] {
    const std::string content(static_cast<const char*>(onnx), bytes);
    return ready(core().compile_model(core().read_model(content, ov::Tensor()), settings->device,
                                      properties_of(*settings)),
                 outputs, output_count);
  });
}

OpenvinoNetwork* restore(const void* stored, std::uint64_t bytes, const OpenvinoSettings* settings,
                         const char* const* outputs, std::int32_t output_count, OpenvinoError* error) {
  return guarded<OpenvinoNetwork*>(error, nullptr, [&] {
    const ov::Tensor content(ov::element::u8, {bytes}, stored);
    return ready(core().import_model(content, settings->device, properties_of(*settings)), outputs,
                 output_count);
  });
}

bool store(OpenvinoNetwork* network, void (*take)(void* context, const void* bytes, std::uint64_t count),
           void* context, OpenvinoError* error) {
  return guarded(error, false, [&] {
    std::ostringstream stream;
    network->model.export_model(stream);
    const std::string content = std::move(stream).str();
    take(context, content.data(), content.size());
    return true;
  });
}

bool run(OpenvinoNetwork* network, float* blob, std::int32_t height, std::int32_t width,
         OpenvinoTensor* results, OpenvinoError* error) {
  return guarded(error, false, [&] {
    const ov::Shape shape{1, 3, static_cast<std::size_t>(height), static_cast<std::size_t>(width)};
    if (network->blob != blob || network->shape != shape) {
      network->request.set_input_tensor(ov::Tensor(ov::element::f32, shape, blob));
      network->blob = blob;
      network->shape = shape;
    }
    network->request.infer();
    for (std::size_t i = 0; i < network->outputs.size(); ++i) {
      ov::Tensor& tensor = network->results[i];
      tensor = network->request.get_tensor(network->outputs[i]);
      const ov::Shape made = tensor.get_shape();
      network->sides[i].assign(made.begin(), made.end());
      results[i] = {tensor.data<const float>(), network->sides[i].data(),
                    static_cast<std::int32_t>(made.size())};
    }
    return true;
  });
}

std::int32_t layers(OpenvinoNetwork* network, OpenvinoLayers* result, std::int32_t most,
                    OpenvinoError* error) {
  return guarded<std::int32_t>(error, -1, [&] {
    std::map<std::string, std::pair<std::int32_t, std::chrono::nanoseconds>> by_type;
    for (const ov::ProfilingInfo& layer : network->request.get_profiling_info()) {
      if (layer.status == ov::ProfilingInfo::Status::EXECUTED) {
        auto& [count, time] = by_type[layer.node_type + " " + layer.exec_type];
        ++count;
        time += layer.real_time;
      }
    }
    network->layer_types.clear();
    network->layer_types.reserve(by_type.size());  // their addresses are handed out
    std::int32_t filled = 0;
    for (const auto& [type, sum] : by_type) {
      if (filled < most) {
        network->layer_types.push_back(type);
        result[filled++] = {network->layer_types.back().c_str(), sum.first, sum.second.count()};
      }
    }
    return filled;
  });
}

void close(OpenvinoNetwork* network) { delete network; }

}  // namespace
}  // namespace kexp::inference

extern "C" __attribute__((visibility("default"))) const kexp::inference::OpenvinoApi* kexp_openvino() {
  using namespace kexp::inference;
  static constexpr OpenvinoApi api{
      kOpenvinoAbiVersion, describe, compile, restore, store, run, layers, close};
  return &api;
}
