#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "kexp/core/file.hpp"
#include "kexp/core/json_fwd.hpp"

namespace kexp::extractor {

/// Absolute, without dots and without a slash at the end: one name for one place.
[[nodiscard]] std::filesystem::path normal(const std::filesystem::path& path);

/// A dataset that is being written: beside its place, where it appears whole or not at all.
///
/// Until everything is done that goes with it, it has a hidden file with what was asked for, also in its
/// place: an extraction that was killed there is known by that, and finished by the next one of its kind.
/// Errors: FailedError naming the folder.
class DatasetFolder {
 public:
  /// Throws UsageError naming --out (and --force) when something at `place` stands in the way.
  static void check_place(const std::filesystem::path& place, bool replace);
  /// The dataset that an extraction of the same `request` has put in its place, and was killed before it was
  /// done; nullptr when there is none. Errors: UsageError when an extraction is at work on it.
  static std::unique_ptr<DatasetFolder> unfinished_in(const std::filesystem::path& place,
                                                      const Json& request);

  /// Makes the folder, or takes over what an extraction that was killed or interrupted left there. Errors:
  /// UsageError when another extraction writes to the same place.
  explicit DatasetFolder(const std::filesystem::path& place);
  DatasetFolder(const DatasetFolder&) = delete;
  DatasetFolder& operator=(const DatasetFolder&) = delete;
  /// Removes everything, the journal too, unless it was put in place or is to be kept. What was taken over
  /// is, until somebody says otherwise.
  ~DatasetFolder();

  /// Where to write; once it was put in place, that.
  [[nodiscard]] const std::filesystem::path& path() const { return is_in_place_ ? place_ : partial_; }
  /// Where it is written down what of it is finished: beside it.
  [[nodiscard]] const std::filesystem::path& journal() const { return journal_; }
  /// Removes all but these files, which are named from the folder on.
  void remove_others(const std::set<std::string>& files);
  /// Leaves everything for an extraction that goes on from here.
  void keep() { is_kept_ = true; }
  /// Leaves nothing.
  void give_up() { is_kept_ = false; }
  /// Moves it to its place, instead of the dataset there, with a note of the `request` that it answers.
  void put_in_place(const Json& request);
  /// All that goes with it is done. Requires: it is in its place.
  void finish();

 private:
  enum class At { partial, place };
  DatasetFolder(const std::filesystem::path& place, At at);

  std::filesystem::path place_;
  std::filesystem::path partial_;
  std::filesystem::path journal_;
  std::filesystem::path old_;
  bool is_in_place_;
  bool is_kept_ = false;
  std::optional<FileLock> lock_;
};

}  // namespace kexp::extractor
