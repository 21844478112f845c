#pragma once

/// Datasets larger than memory: the images stay in the file and are read again when they are wanted.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kexp/dataset/dataset.hpp"

namespace kexp::dataset {

/// A dataset that was read once and checked as Dataset::read does, of which only the sizes were kept; its
/// file stays open. Takes 50 bytes for each image.
///
/// Threads: one at a time, as HDF5.
class StoredDataset {
 public:
  /// Reads the whole file once, in bounded memory. Errors: those of Dataset::read.
  [[nodiscard]] static StoredDataset open(const std::filesystem::path& file,
                                          std::string_view flag = "--dataset");
  StoredDataset(StoredDataset&&) noexcept;
  StoredDataset& operator=(StoredDataset&&) noexcept;
  ~StoredDataset();

  /// Bytes of every image, in reading order: at least one, none of them 0.
  [[nodiscard]] const std::vector<std::uint64_t>& sizes() const;
  /// As Dataset::hash.
  [[nodiscard]] const std::string& hash() const;
  [[nodiscard]] std::uint64_t total_bytes() const;

  /// An image by its place in reading order, and where its bytes are to go: exactly as many as it has.
  struct Wanted {
    std::uint64_t image = 0;
    std::span<std::uint8_t> memory;
  };
  /// Reads images again; those that are neighbours in the file together.
  /// Errors: FailedError naming the file, sensor and frame when one cannot be read, or is no longer what it
  /// was when the dataset was opened.
  void read(std::span<const Wanted> wanted);

 private:
  friend class Loader;
  struct Impl;
  explicit StoredDataset(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Reads a dataset once: into memory when its images are at most `memory_bytes` together, else as
/// StoredDataset::open does, also in no more memory. Errors: those of Dataset::read.
[[nodiscard]] std::variant<Dataset, StoredDataset> read_within(std::uint64_t memory_bytes,
                                                               const std::filesystem::path& file,
                                                               std::string_view flag = "--dataset");

}  // namespace kexp::dataset
