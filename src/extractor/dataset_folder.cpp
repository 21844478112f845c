#include "dataset_folder.hpp"

#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/on_disk.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLockFile = ".lock";

/// A hidden neighbour: on the same file system, so that a rename is one step.
fs::path beside(const fs::path& place, const char* ending) {
  return place.parent_path() / fmt::format(".{}.{}", place.filename().string(), ending);
}

fs::path normal(const fs::path& place) {
  const fs::path absolute = fs::absolute(place).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();  // Without a slash at the end.
}

bool is_dataset(const fs::path& place) {
  return fs::exists(place / "metadata.json") || fs::exists(place / ".metadata.json");
}

}  // namespace

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

DatasetFolder::DatasetFolder(fs::path place)
    : place_(normal(place)), partial_(beside(place_, "partial")), journal_(beside(place_, "journal")) {
  on_disk("write", [&] {
    is_kept_ = !fs::create_directories(partial_);
    if (std::optional<FileLock> lock = FileLock::try_acquire(partial_ / kLockFile)) {
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
      if (!entry.is_directory() && name != kLockFile && files.find(name) == files.end()) {
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

void DatasetFolder::put_in_place() {
  on_disk("write", [&] {
    const fs::path old = beside(place_, "old");
    fs::remove_all(old);
    fs::remove(partial_ / kLockFile);
    if (is_dataset(place_)) {
      fs::rename(place_, old);
    }
    fs::rename(partial_, place_);
    lock_.reset();
    fs::remove(journal_);
    fs::remove_all(old);
  });
}

}  // namespace kexp::extractor
