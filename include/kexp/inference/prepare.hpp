#pragma once

/// Making the files of others ones that the engines run.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/units.hpp"
#include "kexp/inference/model_info.hpp"

namespace kexp::inference {

struct PrepareOptions {
  std::filesystem::path file;  ///< A Darknet cfg, or an ONNX model.
  std::filesystem::path out;  ///< Empty: beside the file, `m.onnx` of `m.cfg`, `m-prepared.onnx` of `m.onnx`.
  std::filesystem::path weights;  ///< Of a cfg. Empty: beside it, with the ending .weights.
  std::filesystem::path names;    ///< Of a cfg. Empty: beside it, with the ending .names, else coco.names.
  std::optional<Size2> input;     ///< Another size than the file says.
};

/// Pure checks of the options. Errors: UsageError naming the flag.
void validate(const PrepareOptions& options);

struct PreparedModel {
  std::filesystem::path file;
  ModelInfo info;
  std::vector<std::string> changes;   ///< What was done to the graph now; empty for one prepared before.
  std::vector<std::string> warnings;  ///< What looks wrong in the source.
};

/// Writes a model that the engines run: a Darknet one converted, an ONNX one repaired and cut before its
/// decoding (see its metadata), with an open input only where other sizes need another graph.
/// The file is replaced in one step, and not written at all when an engine could not load it.
/// Errors: UsageError, also when the file cannot be written, which is tried first; ModelError; FailedError
/// when that changes meanwhile.
[[nodiscard]] PreparedModel prepare_model(const PrepareOptions& options);

/// The content of an ONNX model with its 16-bit floats widened; `file` is for messages. nullopt when it has
/// none. Errors: ModelError.
[[nodiscard]] std::optional<std::string> widened(const std::filesystem::path& file, std::string_view content);

}  // namespace kexp::inference
