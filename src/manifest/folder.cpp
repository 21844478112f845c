#include "folder.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/core/random.hpp"
#include "kexp/core/sha256.hpp"

namespace kexp::manifest {
namespace {

namespace fs = std::filesystem;

constexpr const char* kListName = ".kexp-rendered";
constexpr const char* kSecretsFolder = "secrets";
constexpr std::size_t kPasswordLength = 24;

fs::perms permissions(RenderedFile::Mode mode) {
  switch (mode) {
    case RenderedFile::Mode::plain:
      return static_cast<fs::perms>(0644);
    case RenderedFile::Mode::script:
      return static_cast<fs::perms>(0755);
    case RenderedFile::Mode::secret:
      return static_cast<fs::perms>(0600);
  }
  throw std::logic_error("a file without a mode");
}

/// The files of one list: path → SHA-256. A path stands twice while a rendering is being written.
using Hashes = std::multimap<std::string, std::string>;

bool holds(const Hashes& hashes, const std::string& path, const std::string& hash) {
  const auto [begin, end] = hashes.equal_range(path);
  return std::any_of(begin, end, [&](const auto& entry) { return entry.second == hash; });
}

/// A list names files below its own folder alone: what it names may be deleted.
bool is_inside(const fs::path& path) {
  return path.is_relative() && std::none_of(path.begin(), path.end(), [](const fs::path& part) {
           return part.empty() || part == "." || part == "..";
         });
}

Hashes read_list(const fs::path& list) {
  Hashes hashes;
  if (!fs::exists(list)) {
    return hashes;
  }
  const std::string text = read_file(list);
  int line_number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (line.starts_with('#')) {
      continue;
    }
    constexpr std::size_t kHashLength = 64;
    if (line.size() < kHashLength + 3 || line.compare(kHashLength, 2, "  ") != 0 ||
        !is_inside(line.substr(kHashLength + 2))) {
      throw UsageError(fmt::format("{}:{}: no line of a list of rendered files; delete it and use --force",
                                   list.string(), line_number));
    }
    hashes.emplace(line.substr(kHashLength + 2), line.substr(0, kHashLength));
  }
  return hashes;
}

std::string to_text(const Hashes& hashes) {
  std::string text =
      "# The files that kexp rendered here, with their SHA-256. It replaces and removes these alone.\n";
  for (const auto& [path, hash] : hashes) {
    text += fmt::format("{}  {}\n", hash, path);
  }
  return text;
}

/// What is to be done for the files of one list.
struct Plan {
  fs::path list;
  RenderedFile::Mode list_mode = RenderedFile::Mode::plain;
  Hashes before;  ///< As an earlier rendering left them.
  Hashes after;
  std::vector<const RenderedFile*> write;
  std::size_t unchanged = 0;
  std::vector<std::string> remove;
  std::vector<std::string> strange;  ///< Path and reason.
};

/// nullopt where there is nothing; empty text where there is something else than a file.
std::optional<std::string> hash_on_disk(const fs::path& file) {
  const fs::file_status status = fs::symlink_status(file);
  if (!fs::exists(status)) {
    return std::nullopt;
  }
  return fs::is_regular_file(status) ? sha256_of_file(file) : std::string();
}

void plan_file(Plan& plan, const fs::path& folder, const RenderedFile& file) {
  const std::string hash = sha256_hex(file.content);
  plan.after.emplace(file.path, hash);
  const fs::path path = folder / file.path;
  const auto there = hash_on_disk(path);
  if (there == hash && fs::status(path).permissions() == permissions(file.mode)) {
    ++plan.unchanged;
    return;
  }
  plan.write.push_back(&file);
  if (!there || there == hash || holds(plan.before, file.path, *there)) {
    return;
  }
  if (there->empty()) {
    throw UsageError(fmt::format("{} is no file: kexp would write one there", path.string()));
  }
  plan.strange.push_back(file.path + (plan.before.contains(file.path) ? " (edited since kexp wrote it)"
                                                                      : " (not written by kexp)"));
}

void plan_removals(Plan& plan, const fs::path& folder) {
  for (const auto& [path, hash] : plan.before) {
    const auto there = hash_on_disk(folder / path);
    if (plan.after.contains(path) || !there || (!plan.remove.empty() && plan.remove.back() == path)) {
      continue;
    }
    plan.remove.push_back(path);
    if (!holds(plan.before, path, *there)) {
      plan.strange.push_back(path + " (no longer rendered, but edited since kexp wrote it)");
    }
  }
}

Plan make_plan(const std::vector<const RenderedFile*>& files, const fs::path& folder, const fs::path& list,
               RenderedFile::Mode list_mode) {
  Plan plan;
  plan.list = folder / list;
  plan.list_mode = list_mode;
  plan.before = read_list(plan.list);
  for (const RenderedFile* file : files) {
    plan_file(plan, folder, *file);
  }
  plan_removals(plan, folder);
  return plan;
}

/// Whether kubectl takes the file for a manifest where it is handed the folder.
bool is_manifest(const fs::path& file) {
  constexpr std::array kExtensions = {".yaml", ".yml", ".json"};
  return std::find(kExtensions.begin(), kExtensions.end(), file.extension()) != kExtensions.end();
}

/// Manifests in the folders of `plan` that are none of ours.
std::vector<std::string> foreign_manifests(const Plan& plan, const fs::path& folder) {
  std::set<fs::path> folders;
  for (const auto& [path, hash] : plan.after) {
    if (fs::path parent = fs::path(path).parent_path(); !parent.empty()) {
      folders.insert(std::move(parent));
    }
  }
  std::vector<std::string> found;
  for (const fs::path& part : folders) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / part)) {
      const std::string path = (part / entry.path().filename()).string();
      if (entry.is_regular_file() && is_manifest(path) && !plan.after.contains(path)) {
        found.push_back(path);
      }
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

void refuse_strange(const std::vector<Plan>& plans, const fs::path& folder) {
  std::vector<std::string> all;
  for (const Plan& plan : plans) {
    all.insert(all.end(), plan.strange.begin(), plan.strange.end());
  }
  if (!all.empty()) {
    throw UsageError(
        fmt::format("{} has files that kexp did not leave so; nothing was written; --force "
                    "replaces them:\n  {}",
                    folder.string(), fmt::join(all, "\n  ")));
  }
}

void make_private(const fs::path& folder) {
  fs::create_directories(folder);  // Nothing is in it that others must not see, yet.
  if (fs::status(folder).permissions() != fs::perms::owner_all) {
    fs::permissions(folder, fs::perms::owner_all);
  }
}

void write_one(const fs::path& folder, const RenderedFile& file) {
  const fs::path path = folder / file.path;
  if (file.mode == RenderedFile::Mode::secret) {
    make_private(folder / kSecretsFolder);
  }
  fs::create_directories(path.parent_path());
  // A secret cannot be made again: whoever was given it would be locked out.
  const Durable durable = file.mode == RenderedFile::Mode::secret ? Durable::yes : Durable::no;
  write_file_atomically(path, file.content, permissions(file.mode), durable);
}

/// Removes a file, and the folders that it leaves empty.
void remove_one(const fs::path& folder, const std::string& name) {
  fs::remove(folder / name);
  std::error_code error;
  for (fs::path above = fs::path(name).parent_path(); !above.empty() && !error; above = above.parent_path()) {
    fs::remove(folder / above, error);
  }
}

void carry_out(const Plan& plan, const fs::path& folder) {
  if (!plan.write.empty() || !plan.remove.empty() || plan.before != plan.after) {
    const auto write_list = [&](const Hashes& hashes) {
      write_one(folder, {plan.list.lexically_relative(folder), to_text(hashes), plan.list_mode});
    };
    // Both old and new: whatever a rendering cut short leaves, the next one knows for ours.
    Hashes meanwhile = plan.before;
    for (const auto& [path, hash] : plan.after) {
      if (!holds(meanwhile, path, hash)) {
        meanwhile.emplace(path, hash);
      }
    }
    write_list(meanwhile);
    for (const RenderedFile* file : plan.write) {
      write_one(folder, *file);
    }
    for (const std::string& path : plan.remove) {
      remove_one(folder, path);
    }
    write_list(plan.after);
  }
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!fs::is_directory(folder)) {
    throw UsageError(
        fmt::format("{} is no folder and cannot be made one: {}", folder.string(), error.message()));
  }
}

}  // namespace

Secrets kept_or_new_secrets(const fs::path& folder) {
  const fs::path file = folder / kGrafanaPasswordFile;
  if (!fs::exists(file)) {
    return {secret_text(kPasswordLength)};
  }
  std::string password = read_file(file);
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r')) {
    password.pop_back();
  }
  if (password.empty()) {
    throw UsageError(
        fmt::format("{} is empty: write a password into it, or delete it and get one", file.string()));
  }
  return {password};
}

WrittenFolder write_files(const std::vector<RenderedFile>& files, const std::vector<RenderedFile>& kept,
                          const fs::path& folder, Strange strange) {
  std::vector<const RenderedFile*> open;
  std::vector<const RenderedFile*> secret;
  for (const RenderedFile& file : files) {
    const bool is_secret = file.mode == RenderedFile::Mode::secret;
    if (is_secret != file.path.starts_with(fmt::format("{}/", kSecretsFolder))) {
      throw std::logic_error(file.path + ": secrets, and nothing else, stand in " + kSecretsFolder);
    }
    (is_secret ? secret : open).push_back(&file);
  }
  return on_disk("write", [&] {
    make_folder(folder);
    // Two lists: that of the secrets stays out of git, with them.
    const std::vector<Plan> plans = {
        make_plan(open, folder, kListName, RenderedFile::Mode::plain),
        make_plan(secret, folder, fs::path(kSecretsFolder) / kListName, RenderedFile::Mode::secret)};
    if (strange == Strange::refuse) {
      refuse_strange(plans, folder);
    }
    WrittenFolder result;
    for (const RenderedFile& file : kept) {
      if (!fs::exists(folder / file.path)) {
        write_one(folder, file);
        ++result.written;
      } else {
        ++result.unchanged;
      }
    }
    for (const Plan& plan : plans) {
      carry_out(plan, folder);
      result.written += plan.write.size();
      result.unchanged += plan.unchanged;
      result.removed.insert(result.removed.end(), plan.remove.begin(), plan.remove.end());
    }
    result.foreign = foreign_manifests(plans.front(), folder);
    return result;
  });
}

}  // namespace kexp::manifest
