#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dataset/hdf5.hpp"

namespace kexp::test {

using Bytes = std::vector<std::uint8_t>;

/// An HDF5 file as other tools may write it, built entry by entry; complete when it is destroyed.
class OddFile {
 public:
  enum class Text { fixed, variable };

  explicit OddFile(const std::filesystem::path& path);

  OddFile& metadata(const std::string& json, Text text = Text::fixed);
  /// `/is_enabled/<sensor>` as 64-bit integers in big-endian, a type that no tool here writes by default.
  OddFile& enabled(const std::string& sensor, const std::vector<std::int64_t>& values);
  OddFile& enabled_as_boolean(const std::string& sensor, const std::vector<std::int8_t>& values);
  /// `/sensors/<sensor>`.
  OddFile& variable(const std::string& sensor, const std::vector<Bytes>& images,
                    hid_t byte = H5T_NATIVE_UINT8);
  OddFile& opaque(const std::string& sensor, const std::vector<Bytes>& images, std::size_t size);
  OddFile& byte_strings(const std::string& sensor, const std::vector<Bytes>& images, std::size_t size);
  OddFile& variable_strings(const std::string& sensor, const std::vector<std::string>& texts);
  OddFile& numbers(const std::string& sensor, const std::vector<double>& values);
  OddFile& group(const char* name);

 private:
  void write(const std::string& path, hid_t stored, hid_t memory, const std::vector<hsize_t>& dims,
             const void* data);
  void write_fixed(const std::string& sensor, const std::vector<Bytes>& images, hid_t type, std::size_t size);

  dataset::Handle file_;
};

/// A file that reads well: one sensor `cam`, two frames.
void write_small_dataset(const std::filesystem::path& path);

}  // namespace kexp::test
