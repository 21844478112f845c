#include "kexp/inference/model_list.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/inference/model_info.hpp"
#include "kexp/inference/registry.hpp"

namespace kexp::inference {
namespace {

namespace fs = std::filesystem;

std::uint64_t size_of(const fs::path& file) {
  std::error_code gone;
  const std::uintmax_t bytes = fs::file_size(file, gone);
  return gone ? 0 : bytes;
}

ListedModel known_one(const KnownModel& known, const fs::path& models_dir) {
  const fs::path file = models_dir / (known.name + ".onnx");
  std::error_code none;
  const bool present = fs::is_regular_file(file, none);
  return {known.name, known.license, known.source, known.input, file, present, present ? size_of(file) : 0};
}

/// A file that is broken, or may not be read, is no reason not to list the others.
ListedModel own_one(const fs::path& file) {
  try {
    const ModelInfo info = read_model_info(file);
    return {info.name, info.license, "own file", info.size, file, true, info.bytes};
  } catch (const Error&) {
    return {file.stem(), "", "own file, cannot be read", {}, file, true, size_of(file)};
  }
}

}  // namespace

std::vector<ListedModel> list_models(const fs::path& models_dir) {
  std::map<std::string, ListedModel> models;
  for (const KnownModel& known : known_models()) {
    models.emplace(known.name, known_one(known, models_dir));
  }
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(models_dir, none)) {
    const fs::path& file = entry.path();
    if (entry.is_regular_file(none) && file.extension() == ".onnx" && models.count(file.stem()) == 0) {
      models.emplace(file.stem(), own_one(file));
    }
  }
  std::vector<ListedModel> result;
  for (auto& [name, model] : models) {
    result.push_back(std::move(model));
  }
  return result;
}

std::string to_text(const std::vector<ListedModel>& models) {
  std::size_t name_width = std::string_view("name").size();
  std::size_t license_width = std::string_view("licence").size();
  for (const ListedModel& model : models) {
    name_width = std::max(name_width, model.name.size());
    license_width = std::max(license_width, model.license.size());
  }
  std::string text;
  const auto line = [&](std::string_view name, std::string_view present, std::string_view size,
                        std::string_view input, std::string_view license, std::string_view source) {
    text += fmt::format("{:<{}}  {:<7}  {:>9}  {:<9}  {:<{}}  {}\n", name, name_width, present, size, input,
                        license, license_width, source);
  };
  line("name", "present", "size", "input", "licence", "source");
  for (const ListedModel& model : models) {
    line(model.name, model.present ? "yes" : "no",
         model.present ? format_bytes(static_cast<double>(model.bytes)) : "-",
         model.input.width > 0 ? fmt::format("{}x{}", model.input.width, model.input.height) : "-",
         model.license.empty() ? "-" : model.license, model.source);
  }
  return text;
}

Json to_json(const std::vector<ListedModel>& models) {
  Json json = Json::array();
  for (const ListedModel& model : models) {
    json.push_back({{"name", model.name},
                    {"file", model.file.string()},
                    {"present", model.present},
                    {"bytes", model.bytes},
                    {"input", {model.input.width, model.input.height}},
                    {"license", model.license},
                    {"source", model.source}});
  }
  return json;
}

}  // namespace kexp::inference
