#pragma once

/// The image dataset in HDF5 (docs/results.md, "The image dataset"): many encoded images, read frame by
/// frame, sensors in name order. No HDF5 type crosses this header.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kexp::dataset {

/// All images of a dataset in memory, in reading order. Images stay where they are for the object's life, so
/// they can be sent without copies.
class Dataset {
 public:
  struct Item {
    std::span<const std::uint8_t> bytes;
    std::uint32_t sensor = 0;  ///< Index into `sensors`.
    std::uint64_t frame = 0;
  };

  /// Errors: UsageError naming the file when it is missing or no HDF5; FailedError naming sensor and frame
  /// when it is broken.
  [[nodiscard]] static Dataset read(const std::filesystem::path& file);

  [[nodiscard]] const std::vector<Item>& items() const { return items_; }
  [[nodiscard]] const std::vector<std::string>& sensors() const { return sensors_; }
  /// SHA-256 over every image's length (u64, little-endian) and bytes in reading order: what a plan refers
  /// to.
  [[nodiscard]] std::string hash() const;
  [[nodiscard]] std::uint64_t total_bytes() const;

 private:
  std::vector<std::vector<std::uint8_t>> storage_;
  std::vector<std::string> sensors_;
  std::vector<Item> items_;
};

/// Writes a dataset of one sensor, all frames enabled: variable-length uint8, libver=earliest; atomically.
/// Errors: FailedError naming the file.
class Writer {
 public:
  Writer(std::filesystem::path file, std::string sensor);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void add(std::span<const std::uint8_t> encoded_image);
  /// Completes the file; without it nothing is left behind.
  void finish();
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::uint64_t count_ = 0;
};

}  // namespace kexp::dataset
