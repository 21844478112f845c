#include "discovery.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"

namespace kexp::telemetry {

namespace {

namespace fs = std::filesystem;

/// The process that an entry belongs to; nothing else in the folder is ours.
std::optional<pid_t> owner_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), pid);
  if (file.extension() != ".json" || error != std::errc() || end != stem.data() + stem.size() || pid <= 0) {
    return std::nullopt;
  }
  return pid;
}

bool is_dead(pid_t pid) { return kill(pid, 0) != 0 && errno == ESRCH; }

void remove_dead_entries(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::optional<pid_t> pid = owner_of(entry.path());
    if (pid && is_dead(*pid)) {
      std::error_code ignored;  // Another process that starts now may have been faster.
      fs::remove(entry.path(), ignored);
    }
  }
}

}  // namespace

DiscoveryFile::DiscoveryFile(const fs::path& folder, const std::string& target, const std::string& role)
    : file_(folder / fmt::format("{}.json", getpid())) {
  try {
    fs::create_directories(folder);
    remove_dead_entries(folder);
    const Json entry = {{"targets", {target}}, {"labels", {{"role", role}}}};
    write_file_atomically(file_, Json::array({entry}).dump() + "\n");
  } catch (const fs::filesystem_error& e) {
    throw UsageError(fmt::format("KEXP_SD_DIR must be a folder to write in, got {}: {}", folder.string(),
                                 e.code().message()));
  } catch (const FailedError& e) {
    throw UsageError(
        fmt::format("KEXP_SD_DIR must be a folder to write in, got {}: {}", folder.string(), e.what()));
  }
}

DiscoveryFile::~DiscoveryFile() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

}  // namespace kexp::telemetry
