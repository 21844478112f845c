#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "kexp/core/file.hpp"

namespace kexp::extractor {

/// A dataset that is being written: beside its place, where it appears whole or not at all.
///
/// Errors: FailedError naming the folder.
class DatasetFolder {
 public:
  /// Throws UsageError naming --out (and --force) when something at `place` stands in the way.
  static void check_place(const std::filesystem::path& place, bool replace);

  /// Makes the folder, or takes over what an extraction that was killed or interrupted left there. Errors:
  /// UsageError when another extraction writes to the same place.
  explicit DatasetFolder(std::filesystem::path place);
  DatasetFolder(const DatasetFolder&) = delete;
  DatasetFolder& operator=(const DatasetFolder&) = delete;
  /// Removes everything, the journal too, unless it was put in place or is to be kept. What was taken over
  /// is, until somebody says otherwise.
  ~DatasetFolder();

  /// Where to write.
  [[nodiscard]] const std::filesystem::path& path() const { return partial_; }
  /// Where it is written down what of it is finished: beside it.
  [[nodiscard]] const std::filesystem::path& journal() const { return journal_; }
  /// Removes all but these files, which are named from the folder on.
  void remove_others(const std::set<std::string>& files);
  /// Leaves everything for an extraction that goes on from here.
  void keep() { is_kept_ = true; }
  /// Leaves nothing.
  void give_up() { is_kept_ = false; }
  /// Moves it to its place, instead of the dataset there.
  void put_in_place();

 private:
  std::filesystem::path place_;
  std::filesystem::path partial_;
  std::filesystem::path journal_;
  bool is_kept_ = false;
  std::optional<FileLock> lock_;
};

}  // namespace kexp::extractor
