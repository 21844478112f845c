#pragma once

#include <filesystem>
#include <optional>

#include "kexp/core/file.hpp"

namespace kexp::extractor {

/// A dataset that is being written: beside its place, where it appears whole or not at all.
///
/// Errors: FailedError naming the folder.
class DatasetFolder {
 public:
  /// Throws UsageError naming --out (and --force) when something at `place` stands in the way.
  static void check_place(const std::filesystem::path& place, bool replace);

  /// Makes the folder; what an extraction that was killed left there is removed. Errors: UsageError when
  /// another extraction writes to the same place.
  explicit DatasetFolder(std::filesystem::path place);
  DatasetFolder(const DatasetFolder&) = delete;
  DatasetFolder& operator=(const DatasetFolder&) = delete;
  /// Removes everything unless it was put in place.
  ~DatasetFolder();

  /// Where to write.
  [[nodiscard]] const std::filesystem::path& path() const { return partial_; }
  /// Moves it to its place, instead of the dataset there.
  void put_in_place();

 private:
  std::filesystem::path place_;
  std::filesystem::path partial_;
  std::optional<FileLock> lock_;
};

}  // namespace kexp::extractor
