#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "file_errors.hpp"
#include "hdf5.hpp"

namespace kexp::dataset {

/// The images of one sensor in its file, read in batches into memory that is used again.
class SensorImages {
 public:
  /// `frames`: those that are enabled, in order. Errors: UsageError when the file has not one image for each
  /// of them, or its elements are none that can hold images.
  SensorImages(FileErrors errors, std::string sensor, std::vector<std::uint64_t> frames, Handle dataset);

  [[nodiscard]] const std::vector<std::uint64_t>& frames() const { return frames_; }
  /// From now on a batch takes at most so much, but for an image that is larger.
  void set_memory(std::size_t bytes) { memory_bytes_ = bytes; }

  /// Reads from image `first` on as many as fit, at least one and at most `most`, valid until the next call.
  /// None is empty. Errors: UsageError naming sensor and frame.
  [[nodiscard]] std::span<const std::span<const std::uint8_t>> read(std::uint64_t first, std::uint64_t most);

 private:
  /// Memory of one batch, handed out in pieces.
  struct Arena {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t size = 0;
    std::size_t used = 0;
    std::size_t missing = 0;  ///< What was asked for and did not fit, of the first request that did not.

    [[nodiscard]] bool reserve(std::size_t wanted);
    [[nodiscard]] void* take(std::size_t wanted) noexcept;
  };

  void check_count() const;
  void check_type();
  void reserve(std::size_t bytes, std::uint64_t image);
  void read_variable(std::uint64_t first, std::uint64_t most);
  [[nodiscard]] std::string try_variable(std::uint64_t first, std::uint64_t count);
  void read_fixed(std::uint64_t first, std::uint64_t most);
  /// Why HDF5 could not, or nothing.
  [[nodiscard]] std::string read_elements(std::uint64_t first, std::uint64_t count, const Handle& transfer,
                                          void* memory) const;
  [[nodiscard]] std::string name_of(std::uint64_t first, std::uint64_t count) const;
  static void* allocate(std::size_t bytes, void* arena) noexcept;

  FileErrors errors_;
  std::string sensor_;
  std::vector<std::uint64_t> frames_;
  Handle dataset_;
  Handle type_;
  Handle file_space_;
  bool variable_ = false;
  std::size_t memory_bytes_ = 16 << 20;
  std::uint64_t variable_batch_ = 1;  // How many of the images read last would fit.
  Arena arena_;
  std::vector<hvl_t> elements_;
  std::vector<std::span<const std::uint8_t>> images_;
};

}  // namespace kexp::dataset
