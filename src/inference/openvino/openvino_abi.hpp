#pragma once

// What the main binary and kexp_openvino.so agree on: C types and functions only. Change it, and raise
// kOpenvinoAbiVersion. A function that can fail says so with nullptr or false and fills `error`.

#include <cstdint>

namespace kexp::inference {

constexpr std::uint32_t kOpenvinoAbiVersion = 1;
constexpr const char* kOpenvinoEntry = "kexp_openvino";

/// Why a call failed, ended by a NUL.
struct OpenvinoError {
  char text[1024];
};

struct OpenvinoSettings {
  const char* device;     ///< "CPU".
  std::int32_t threads;   ///< Of the CPU.
  std::int32_t bf16;      ///< 1: calculate in bfloat16; 0: in 32-bit floats.
  std::int32_t profiled;  ///< 1: keep the time of each layer.
};

struct OpenvinoDevice {
  char runtime[128];           ///< "2026.4.1-22982-…".
  char name[256];              ///< "AMD EPYC …".
  char capabilities[256];      ///< "FP32 BF16 INT8".
  std::int32_t has_bf16;       ///< 1: it calculates in bfloat16.
  std::int32_t can_be_stored;  ///< 1: a compiled network can be stored and restored.
};

/// A float32 tensor; valid until the network's next run.
struct OpenvinoTensor {
  const float* values;
  const std::int64_t* sides;
  std::int32_t rank;
};

/// The layers of one type in the last run; valid until the next call on the network.
struct OpenvinoLayers {
  const char* type;
  std::int32_t count;
  std::int64_t nanoseconds;
};

/// A network compiled for the sizes of input that its graph leaves open.
struct OpenvinoNetwork;

struct OpenvinoApi {
  std::uint32_t version;
  bool (*describe)(const char* device, OpenvinoDevice* result, OpenvinoError* error);
  /// Of an ONNX model's content. `outputs` names `output_count` tensors, in the order of `run`.
  OpenvinoNetwork* (*compile)(const void* onnx, std::uint64_t bytes, const OpenvinoSettings* settings,
                              const char* const* outputs, std::int32_t output_count, OpenvinoError* error);
  /// Of what `store` gave. Its bytes have to outlive the network.
  OpenvinoNetwork* (*restore)(const void* stored, std::uint64_t bytes, const OpenvinoSettings* settings,
                              const char* const* outputs, std::int32_t output_count, OpenvinoError* error);
  /// Hands the compiled network to `take`, once.
  bool (*store)(OpenvinoNetwork* network, void (*take)(void* context, const void* bytes, std::uint64_t count),
                void* context, OpenvinoError* error);
  /// `blob` (1 x 3 x height x width) is read during the call; `results` gets a tensor for each output.
  bool (*run)(OpenvinoNetwork* network, float* blob, std::int32_t height, std::int32_t width,
              OpenvinoTensor* results, OpenvinoError* error);
  /// Fills at most `most` entries of `result`; how many. -1 when it fails.
  std::int32_t (*layers)(OpenvinoNetwork* network, OpenvinoLayers* result, std::int32_t most,
                         OpenvinoError* error);
  void (*close)(OpenvinoNetwork* network);
};

}  // namespace kexp::inference
