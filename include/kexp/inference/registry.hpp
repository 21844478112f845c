#pragma once

/// Models by name: what kexp can fetch, and where a fetched one lies.

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/core/process.hpp"
#include "kexp/core/units.hpp"
#include "kexp/net/http_client.hpp"

namespace kexp::inference {

/// A model that `get_model` can fetch.
struct KnownModel {
  std::string name;
  std::string license;
  std::string source;  ///< Where it comes from, for people.
  std::string notice;  ///< What a user has to know before using it; may be empty.
  Size2 input;
  std::string content;  ///< What it finds.
};

[[nodiscard]] const std::vector<KnownModel>& known_models();

/// The default of --model.
inline constexpr const char* kDefaultModel = "yolov3-tiny";

/// `$XDG_CACHE_HOME/kexp/models`. Errors: FailedError when there is no cache folder.
[[nodiscard]] std::filesystem::path default_models_dir();

/// The file of a model: a path to an ONNX file, or a name looked up in `models_dir`.
/// Errors: ModelError with the known names and how to get one.
[[nodiscard]] std::filesystem::path resolve_model(const std::string& name_or_file,
                                                  const std::filesystem::path& models_dir);

/// What fetching reaches the outside through.
struct RegistryPorts {
  ProcessRunner& processes;
  net::HttpClient& http;
};

struct FetchedModel {
  std::filesystem::path file;
  bool fetched = false;  ///< False when it was there already.
};

/// Fetches a known model into `models_dir`, checked against its committed hash, converted to what the engines
/// read, and put in place in one step. What was fetched once is not fetched again.
///
/// `input`: another size than the model's own, where it comes in a form that allows that; the file is then
/// called NAME-WxH.onnx. Errors: UsageError naming the model or --input; UnavailableError or HttpError (exit
/// code 3) when the source does not answer; FailedError when what came is not what was pinned.
[[nodiscard]] FetchedModel get_model(const std::string& name, const std::filesystem::path& models_dir,
                                     std::optional<Size2> input, const RegistryPorts& ports,
                                     std::stop_token stop);

}  // namespace kexp::inference
