#include "openvino/openvino_module.hpp"

#include <sstream>

#include <fmt/format.h>

#include "kexp/core/module.hpp"
#include "kexp/inference/detector.hpp"

namespace kexp::inference {

namespace {

constexpr const char* kFile = "kexp_openvino.so";

const OpenvinoApi& load() {
  const auto file = openvino_module();
  if (!file) {
    throw UsageError(fmt::format(
        "--engine openvino: this build has no {}; scripts/bootstrap.sh fetches OpenVINO, then build "
        "again, or set KEXP_LIB_DIR",
        kFile));
  }
  try {
    return load_module<OpenvinoApi>(*file, kOpenvinoEntry, kOpenvinoAbiVersion);
  } catch (const UsageError& e) {
    throw UsageError(fmt::format("--engine openvino: {}", e.what()));
  }
}

}  // namespace

std::optional<std::filesystem::path> openvino_module() { return find_module(kFile); }

const OpenvinoApi& openvino_api() {
  static const OpenvinoApi& api = load();
  return api;
}

std::string plain_text(const OpenvinoError& error) {
  std::istringstream lines(error.text);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.rfind("Exception from ", 0) != 0) {
      text += (text.empty() ? "" : " ") + line;
    }
  }
  return text.empty() ? error.text : text;
}

}  // namespace kexp::inference
