#pragma once

/// The image dataset in HDF5 (docs/results.md, "The image dataset"): many encoded images, read frame by
/// frame, sensors in name order. No HDF5 type crosses this header.
///
/// Threads: HDF5 serves one thread at a time, so one reads or writes datasets; a Dataset once read is plain
/// memory and may be read by any.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kexp::dataset {

/// All images of a dataset in memory, in reading order. Images stay where they are for the object's life,
/// also when it is moved, so they can be sent without copies.
class Dataset {
 public:
  struct Item {
    std::span<const std::uint8_t> bytes;
    std::uint32_t sensor = 0;  ///< Index into `sensors`.
    std::uint64_t frame = 0;
  };

  /// Elements may be variable-length bytes, or opaque or byte strings of a fixed size, whose trailing NULs
  /// are padding and removed. Errors: UsageError naming `flag` and the file when it is missing, no HDF5,
  /// broken or cut short, and sensor and frame where its data do not agree.
  [[nodiscard]] static Dataset read(const std::filesystem::path& file, std::string_view flag = "--dataset");

  Dataset(Dataset&&) = default;
  Dataset& operator=(Dataset&&) = default;
  Dataset(const Dataset&) = delete;  // Its items would point into the other one.
  Dataset& operator=(const Dataset&) = delete;

  /// At least one; none of them is empty.
  [[nodiscard]] const std::vector<Item>& items() const& { return items_; }
  const std::vector<Item>& items() && = delete;  // They would point into what is gone.
  [[nodiscard]] const std::vector<std::string>& sensors() const { return sensors_; }
  /// `n_frames` of the file: frames without any image count.
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  /// SHA-256 over every image's length (u64, little-endian) and bytes in reading order: what a plan refers
  /// to.
  [[nodiscard]] const std::string& hash() const { return hash_; }
  [[nodiscard]] std::uint64_t total_bytes() const { return total_bytes_; }

 private:
  friend class Loader;
  Dataset() = default;

  std::vector<std::unique_ptr<std::uint8_t[]>> blocks_;  // Hold the images, one behind the other.
  std::vector<std::string> sensors_;
  std::vector<Item> items_;
  std::string hash_;
  std::uint64_t frames_ = 0;
  std::uint64_t total_bytes_ = 0;
};

/// Writes a dataset of one sensor, all frames enabled: variable-length uint8, libver=earliest. The same
/// images make the same bytes.
///
/// The file is built in memory (a dataset is read into memory whole anyway) and appears in one step: HDF5
/// cannot survive a full disk while it writes, ours can.
class Writer {
 public:
  Writer(std::filesystem::path file, std::string sensor);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Errors: FailedError when the image is empty or HDF5 cannot take it.
  void add(std::span<const std::uint8_t> encoded_image);
  /// Writes the file, replacing an older one; without it nothing is left behind.
  /// Errors: FailedError naming the file and the reason (a full disk among them), also when no image was
  /// added.
  void finish();
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::uint64_t count_ = 0;
};

}  // namespace kexp::dataset
