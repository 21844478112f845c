#include "dataset_folder.hpp"

#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;

/// Held (flock) by who is at work on the dataset; its line is the request. It moves with the folder.
constexpr const char* kUnfinished = ".unfinished";

/// A hidden neighbour: on the same file system, so that a rename is one step.
fs::path beside(const fs::path& place, const char* ending) {
  return place.parent_path() / fmt::format(".{}.{}", place.filename().string(), ending);
}

bool is_dataset(const fs::path& place) {
  return fs::exists(place / "metadata.json") || fs::exists(place / ".metadata.json");
}

std::string line_of(const Json& request) {
  return request.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

fs::path normal(const fs::path& path) {
  const fs::path absolute = fs::absolute(path).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

void DatasetFolder::check_place(const fs::path& place, bool replace) {
  on_disk("write", [&] {
    if (!fs::exists(place) || (fs::is_directory(place) && fs::is_empty(place))) {
      return;
    }
    if (!is_dataset(place)) {
      throw UsageError(
          fmt::format("--out {} is there and is no dataset: choose another place", place.string()));
    }
    if (!replace) {
      throw UsageError(fmt::format(
          "--out {} holds a dataset: choose another place, or replace it with --force", place.string()));
    }
  });
}

std::unique_ptr<DatasetFolder> DatasetFolder::unfinished_in(const fs::path& place, const Json& request) {
  const fs::path note = normal(place) / kUnfinished;
  return on_disk("read", [&]() -> std::unique_ptr<DatasetFolder> {
    if (!is_dataset(place) || !fs::exists(note)) {
      return nullptr;
    }
    std::unique_ptr<DatasetFolder> folder(new DatasetFolder(place, At::place));
    const std::string asked_for = read_file(note);
    if (asked_for.empty()) {  // It was finished just now, and taking the lock has made the file anew.
      fs::remove(note);
    }
    return asked_for == line_of(request) ? std::move(folder) : nullptr;
  });
}

DatasetFolder::DatasetFolder(const fs::path& place) : DatasetFolder(place, At::partial) {}

DatasetFolder::DatasetFolder(const fs::path& place, At at)
    : place_(normal(place)),
      partial_(beside(place_, "partial")),
      journal_(beside(place_, "journal")),
      old_(beside(place_, "old")),
      is_in_place_(at == At::place) {
  on_disk("write", [&] {
    is_kept_ = is_in_place_ || !fs::create_directories(partial_);
    if (std::optional<FileLock> lock = FileLock::try_acquire(path() / kUnfinished)) {
      lock_.emplace(std::move(*lock));
    } else {
      throw UsageError(fmt::format("--out {} is being written by another extraction", place_.string()));
    }
  });
}

void DatasetFolder::remove_others(const std::set<std::string>& files) {
  on_disk("write", [&] {
    std::vector<fs::path> others;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(partial_)) {
      const std::string name = entry.path().lexically_relative(partial_).string();
      if (!entry.is_directory() && name != kUnfinished && files.find(name) == files.end()) {
        others.push_back(entry.path());
      }
    }
    for (const fs::path& file : others) {
      fs::remove(file);
    }
  });
}

DatasetFolder::~DatasetFolder() {
  if (lock_ && !is_kept_) {
    std::error_code ignored;
    fs::remove_all(partial_, ignored);
    fs::remove(journal_, ignored);
  }
}

void DatasetFolder::put_in_place(const Json& request) {
  on_disk("write", [&] {
    const fs::path note = partial_ / kUnfinished;
    fs::resize_file(note, 0);  // Not a new file: this one is locked.
    AppendFile line(note);
    line.write(line_of(request));
    line.flush();
    fs::remove_all(old_);
    if (is_dataset(place_)) {
      fs::rename(place_, old_);
    }
    fs::rename(partial_, place_);
    is_in_place_ = is_kept_ = true;
  });
}

void DatasetFolder::finish() {
  on_disk("write", [&] {
    fs::remove(journal_);
    fs::remove_all(old_);
    fs::remove(place_ / kUnfinished);
  });
  lock_.reset();
}

}  // namespace kexp::extractor
