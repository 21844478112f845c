#include "kexp/inference/prepare.hpp"

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/inference/darknet.hpp"
#include "kexp/inference/detector.hpp"

#include "graph/onnx_graph.hpp"
#include "graph/prepare_graph.hpp"
#include "graph/repairs.hpp"
#include "half.hpp"
#include "input_plan.hpp"
#include "onnx_file.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

bool is_darknet(const PrepareOptions& options) { return options.file.extension() == ".cfg"; }

fs::path with_ending(fs::path file, const char* ending) { return file.replace_extension(ending); }

fs::path names_of(const PrepareOptions& options) {
  if (!options.names.empty()) {
    return options.names;
  }
  const fs::path own = with_ending(options.file, ".names");
  const fs::path coco = options.file.parent_path() / "coco.names";
  if (!fs::exists(own) && !fs::exists(coco)) {
    throw UsageError(
        fmt::format("--names is needed: neither {} nor {} is there", own.string(), coco.string()));
  }
  return fs::exists(own) ? own : coco;
}

fs::path out_of(const PrepareOptions& options) {
  if (!options.out.empty()) {
    return options.out;
  }
  return is_darknet(options) ? with_ending(options.file, ".onnx")
                             : options.file.parent_path() / (options.file.stem().string() + "-prepared.onnx");
}

/// Writes down the size that was asked for, or, where every size goes, the exported one.
void fix_size(const PrepareOptions& options, PreparedGraph& graph) {
  if (!options.input && graph.sizes == Sizes::by_choice) {
    return;
  }
  const InputSize wanted = options.input ? InputSize{InputSize::Kind::fixed, *options.input} : InputSize{};
  const Size2 size = InputPlan(graph, wanted).largest();
  if (graph.info.open_size || options.input) {
    graph.changes.push_back(fmt::format("input fixed at {}x{}", size.width, size.height));
  }
  set_input_size(*graph.model.mutable_graph(), size);
  set_metadata(graph.model, "imgsz", fmt::format("[{}, {}]", size.height, size.width));
}

std::string repaired(const PrepareOptions& options, PreparedModel& result) {
  PreparedGraph graph = prepare_graph(options.file, read_model_file(options.file));
  try {
    fix_size(options, graph);
  } catch (const ModelError& e) {
    throw ModelError(fmt::format("{}: {}", options.file.string(), e.what()));
  }
  result.changes.assign(graph.changes.begin() + static_cast<std::ptrdiff_t>(graph.earlier_changes),
                        graph.changes.end());
  return as_file(std::move(graph));
}

/// The model's content, and what was done to get it.
std::string converted(const PrepareOptions& options, PreparedModel& result) {
  if (is_darknet(options)) {
    DarknetFiles files{options.file, options.weights, names_of(options), options.input, ""};
    if (files.weights.empty()) {
      files.weights = with_ending(options.file, ".weights");
    }
    DarknetModel model = convert_darknet(files);
    result.warnings = std::move(model.warnings);
    result.changes.emplace_back("converted from Darknet, batch normalisation folded in");
    return std::move(model.onnx);
  }
  return repaired(options, result);
}

/// Loads and runs it once where it will not be taken for the finished one, on the engine that is always
/// there.
void try_out(const fs::path& file) {
  DetectorOptions options;
  options.engine = "opencv";
  try {
    static_cast<void>(make_detector(file, options));
  } catch (...) {
    std::error_code ignored;
    fs::remove(file, ignored);
    throw;
  }
}

void put_in_place(const fs::path& trial, const fs::path& file) {
  std::error_code error;
  fs::rename(trial, file, error);
  if (error) {
    std::error_code ignored;
    fs::remove(trial, ignored);
    throw FailedError(fmt::format("-o {} cannot be written: {}", file.string(), error.message()));
  }
}

/// Written there before it takes the file's place.
fs::path trial_of(fs::path file) { return file += ".part"; }

/// Tries what would else be found after the work.
void check_out(const fs::path& file) {
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) {
    throw UsageError(fmt::format("-o must be a file to write, {} is a folder", file.string()));
  }
  try {
    write_file_atomically(trial_of(file), "", std::nullopt, Durable::no);
  } catch (const FailedError& e) {
    throw UsageError(fmt::format("-o {}: {}", file.string(), e.what()));
  }
  fs::remove(trial_of(file), ignored);
}

}  // namespace

void validate(const PrepareOptions& options) {
  if (is_darknet(options)) {
    return;
  }
  const char* extra = !options.weights.empty() ? "--weights" : !options.names.empty() ? "--names" : nullptr;
  if (extra != nullptr) {
    throw UsageError(fmt::format("{} goes with a Darknet .cfg, got {}", extra, options.file.string()));
  }
}

PreparedModel prepare_model(const PrepareOptions& options) {
  validate(options);
  PreparedModel result;
  result.file = out_of(options);
  check_out(result.file);
  const std::string content = converted(options, result);
  result.info = read_model_info(result.file, content);
  const fs::path trial = trial_of(result.file);
  write_file_atomically(trial, content);
  try_out(trial);
  put_in_place(trial, result.file);
  return result;
}

std::optional<std::string> widened(const fs::path& file, std::string_view content) {
  onnx::ModelProto model = parse_onnx(file, content);
  return widen_halves(model) ? std::optional(model.SerializeAsString()) : std::nullopt;
}

}  // namespace kexp::inference
