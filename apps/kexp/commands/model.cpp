#include "commands/model.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/core/units.hpp"
#include "kexp/inference/check.hpp"
#include "kexp/inference/model_list.hpp"
#include "kexp/inference/prepare.hpp"
#include "kexp/inference/registry.hpp"

namespace kexp::cli {
namespace {

namespace fs = std::filesystem;
using inference::ModelCheck;

constexpr int kRoundsWithoutImages = 10;

struct ListFlags {
  std::string models_dir;
  bool json = false;
};

struct GetFlags {
  std::string name, models_dir, input;
};

struct CheckFlags {
  inference::DetectorOptions detector;
  std::string model, models_dir, images, annotate;
  std::vector<std::string> classes;
  std::string input = "auto";
  bool json = false;
};

struct PrepareFlags {
  std::string file, out, weights, names, input;
};

fs::path models_dir(const std::string& given) {
  return given.empty() ? inference::default_models_dir() : fs::path(given);
}

std::optional<Size2> optional_size(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(parse_size(text, "--input"));
}

std::string size_text(Size2 size) { return fmt::format("{}x{}", size.width, size.height); }

ExitCode run_list(const ListFlags& flags, Context& context) {
  const std::vector<inference::ListedModel> models = inference::list_models(models_dir(flags.models_dir));
  context.out << (flags.json ? to_json(models).dump(2) + '\n' : to_text(models));
  return ExitCode::ok;
}

ExitCode run_get(const GetFlags& flags, Context& context) {
  const auto& known = inference::known_models();
  const auto model = std::find_if(known.begin(), known.end(),
                                  [&](const auto& candidate) { return candidate.name == flags.name; });
  if (model != known.end()) {
    context.log.info("model: name={} license=\"{}\" source=\"{}\"", model->name, model->license,
                     model->source);
    if (!model->notice.empty()) {
      context.log.warn("model: {}", model->notice);
    }
  }
  const auto got = inference::get_model(flags.name, models_dir(flags.models_dir), optional_size(flags.input),
                                        {context.processes, context.http}, context.stop);
  context.log.info("model: {}", got.fetched ? "fetched and converted" : "was there already");
  context.out << got.file.string() << '\n';
  return ExitCode::ok;
}

/// "3 person, 1 bus", the most frequent first.
std::string summary(const ModelCheck& check, const inference::DetectorResult& found) {
  std::map<std::string, int> counts;
  for (const inference::Detection& detection : found.detections) {
    ++counts[check.label(detection.class_id)];
  }
  std::vector<std::pair<int, std::string>> ordered;
  for (const auto& [label, count] : counts) {
    ordered.emplace_back(-count, label);
  }
  std::sort(ordered.begin(), ordered.end());
  std::string text;
  for (const auto& [count, label] : ordered) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", -count, label);
  }
  return text.empty() ? "nothing" : text;
}

double median_ms(std::vector<Nanoseconds> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return milliseconds(*middle);
}

/// "640x640", or what a picture's own form makes of it.
std::string input_text(const ModelCheck& check) {
  const auto shape = check.detector().input_shape();
  return fmt::format("{}{}", inference::shape_text(shape),
                     check.detector().preparation().rectangular ? ", less where a picture is no square" : "");
}

void print_info(std::ostream& out, const ModelCheck& check) {
  const inference::ModelInfo& info = check.info();
  const inference::Preparation& preparation = check.detector().preparation();
  out << fmt::format("model    {} ({}, opset {})\n", info.name, format_bytes(static_cast<double>(info.bytes)),
                     info.opset);
  if (!info.description.empty()) {
    out << fmt::format("is       {}\n", info.description);
  }
  if (info.layout) {
    out << fmt::format("layout   {}\n", inference::layout_text(*info.layout));
  }
  if (!preparation.head.empty()) {
    out << fmt::format("head     {}\n", preparation.head);
  }
  for (const std::string& change : preparation.changes) {
    out << fmt::format("changed  {}\n", change);
  }
  out << fmt::format(
      "input    {}\nlabels   {}\nlicence  {}\nengine   {}\nloaded   {:.1f} ms, first run included\n",
      input_text(check), info.labels.size(), info.license.empty() ? "not given" : info.license,
      check.detector().engine_description(), milliseconds(check.load_time()));
}

/// What the last run cost by type of layer.
void print_layers(std::ostream& out, ModelCheck& check) {
  constexpr double kWorthALine = 0.05;  // ms
  for (const inference::LayerTime& layer : check.layer_times()) {
    if (milliseconds(layer.time) >= kWorthALine) {
      out << fmt::format("layers   {:7.2f} ms  {:3} {}\n", milliseconds(layer.time), layer.layers,
                         layer.type);
    }
  }
}

void print_image(std::ostream& out, const ModelCheck& check, const inference::CheckedImage& checked) {
  const std::string name = checked.file.filename();
  if (!checked.error.empty()) {
    out << fmt::format("{:<24} {}\n", name, checked.error);
    return;
  }
  out << fmt::format("{:<24} {:>9}  decode {:5.1f}  pre {:5.1f}  inf {:6.1f}  post {:4.1f} ms  {}\n", name,
                     size_text({checked.dimensions.width, checked.dimensions.height}),
                     milliseconds(checked.decode), milliseconds(checked.found.preprocess),
                     milliseconds(checked.found.inference), milliseconds(checked.found.postprocess),
                     summary(check, checked.found));
}

/// Tries every picture; those that cannot be processed make the check fail, but not stop.
ExitCode check_images(ModelCheck& check, const std::vector<fs::path>& images, bool json, Context& context) {
  std::vector<Nanoseconds> times;
  for (const fs::path& file : images) {
    if (context.stop.stop_requested()) {
      return ExitCode::interrupted;
    }
    const inference::CheckedImage checked = check.check(file);
    if (json) {
      context.out << record::to_json_text(check.to_result(checked)) << '\n';
    } else {
      print_image(context.out, check, checked);
    }
    if (checked.error.empty()) {
      times.push_back(checked.found.inference);
    }
  }
  if (!json && !times.empty()) {
    context.out << fmt::format("median   {:.1f} ms of inference, {} picture{}\n", median_ms(times),
                               times.size(), times.size() == 1 ? "" : "s");
    print_layers(context.out, check);
  }
  return times.size() == images.size() ? ExitCode::ok : ExitCode::failed;
}

ExitCode run_check(const CheckFlags& flags, Context& context) {
  inference::CheckOptions options;
  options.detector = flags.detector;
  options.detector.log = &context.log;
  options.detector.profiled = true;
  options.detector.classes = inference::parse_classes(flags.classes, "--classes");
  options.detector.input = inference::parse_input_size(flags.input, "--input");
  options.annotate = flags.annotate;
  inference::validate(options.detector);
  options.model = inference::resolve_model(flags.model, models_dir(flags.models_dir));
  if (flags.images.empty() && (flags.json || !flags.annotate.empty())) {
    throw UsageError(fmt::format("{} needs --images", flags.json ? "--json" : "--annotate"));
  }
  const std::vector<fs::path> images =
      flags.images.empty() ? std::vector<fs::path>{} : inference::find_images(flags.images);

  ModelCheck check(options, context.clock);
  for (const std::string& warning : check.info().warnings) {
    context.log.warn("model: {}: {}", check.info().name, warning);
  }
  if (!flags.json) {
    print_info(context.out, check);
  }
  if (images.empty()) {
    context.out << fmt::format("median   {:.1f} ms of inference, {} runs on a grey picture\n",
                               median_ms(check.inference_times(kRoundsWithoutImages)), kRoundsWithoutImages);
    print_layers(context.out, check);
    return ExitCode::ok;
  }
  return check_images(check, images, flags.json, context);
}

ExitCode run_prepare(const PrepareFlags& flags, Context& context) {
  inference::PrepareOptions options;
  options.file = flags.file;
  options.out = flags.out;
  options.weights = flags.weights;
  options.names = flags.names;
  options.input = optional_size(flags.input);
  const inference::PreparedModel prepared = inference::prepare_model(options);
  for (const auto* warnings : {&prepared.warnings, &prepared.info.warnings}) {
    for (const std::string& warning : *warnings) {
      context.log.warn("model: {}: {}", prepared.info.name, warning);
    }
  }
  for (const std::string& change : prepared.changes) {
    context.log.info("model: {}: {}", prepared.info.name, change);
  }
  if (prepared.changes.empty()) {
    context.log.info("model: {}: nothing was left to do", prepared.info.name);
  }
  context.out << prepared.file.string() << '\n';
  return ExitCode::ok;
}

CLI::Option* add_models_dir(CLI::App& command, std::string& folder) {
  return command.add_option("--models-dir", folder,
                            "Folder of models (default: $XDG_CACHE_HOME/kexp/models)");
}

void add_check_flags(CLI::App& check, CheckFlags& flags) {
  check.add_option("model", flags.model, "ONNX file, or name of a fetched model")->required();
  add_models_dir(check, flags.models_dir);
  check.add_option("--images", flags.images, "Folder of JPEG and PNG files, or one file");
  check.add_option("--annotate", flags.annotate,
                   "Folder that gets the pictures with their boxes drawn, as PNG: dog.jpg.png of dog.jpg");
  add_engine(check, flags.detector);
  check.add_option("--threads", flags.detector.threads, "Threads of the engine")->capture_default_str();
  check.add_option("--confidence", flags.detector.confidence, "Least confidence")->capture_default_str();
  check.add_option("--iou", flags.detector.iou, "Largest overlap of two boxes of a class")
      ->capture_default_str();
  check.add_option("--max-detections", flags.detector.max_detections, "Most detections of a picture")
      ->capture_default_str();
  add_classes(check, flags.classes);
  check.add_option("--input", flags.input, "Size of the network's input: auto, square, N or WxH")
      ->capture_default_str();
  add_json(check, flags.json);
}

void add_prepare_flags(CLI::App& prepare, PrepareFlags& flags) {
  prepare.add_option("file", flags.file, "Darknet .cfg, or ONNX file")->required();
  prepare.add_option("-o,--out", flags.out,
                     "File to write (default: beside FILE, m.onnx of m.cfg, m-prepared.onnx of m.onnx)");
  prepare.add_option("--weights", flags.weights, "Darknet weights (default: beside the .cfg)");
  prepare.add_option("--names", flags.names,
                     "Labels, one a line (default: .names or coco.names beside the .cfg)");
  prepare.add_option("--input", flags.input, "Another size of the network's input than the file's, N or WxH");
}

}  // namespace

CommandRun add_model(CLI::App& command) {
  auto list_flags = std::make_shared<ListFlags>();
  auto get_flags = std::make_shared<GetFlags>();
  auto check_flags = std::make_shared<CheckFlags>();
  auto prepare_flags = std::make_shared<PrepareFlags>();
  CLI::App* list = command.add_subcommand("list", "List the models that are there or can be fetched");
  add_models_dir(*list, list_flags->models_dir);
  add_json(*list, list_flags->json);
  CLI::App* get = command.add_subcommand("get", "Fetch a model, checked and converted");
  get->add_option("name", get_flags->name, "Name of the model, as model list shows it")->required();
  add_models_dir(*get, get_flags->models_dir);
  get->add_option("--input", get_flags->input, "Another size of the network's input, N or WxH");
  CLI::App* check = command.add_subcommand("check", "Load a model, try it on pictures, measure it");
  add_check_flags(*check, *check_flags);
  CLI::App* prepare =
      command.add_subcommand("prepare", "Write a model as the engines run it: converted, repaired, cut");
  add_prepare_flags(*prepare, *prepare_flags);
  for (CLI::App* nested : {list, get, check, prepare}) {
    nested->fallthrough();
  }
  return [=](Context& context) {
    if (list->parsed()) {
      return run_list(*list_flags, context);
    }
    if (get->parsed()) {
      return run_get(*get_flags, context);
    }
    if (check->parsed()) {
      return run_check(*check_flags, context);
    }
    if (prepare->parsed()) {
      return run_prepare(*prepare_flags, context);
    }
    throw UsageError("model needs a command: list, get, check or prepare");
  };
}

}  // namespace kexp::cli
