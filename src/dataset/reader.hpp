#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kexp/core/error.hpp"
#include "kexp/dataset/dataset.hpp"

#include "hdf5.hpp"

namespace kexp::dataset {

/// Reads one file into a Dataset: first what the file says of itself (metadata, who is enabled when), then
/// each sensor's images, at last the order of both.
class Reader {
 public:
  Reader(std::filesystem::path file, std::string_view flag);
  [[nodiscard]] Dataset read();

 private:
  struct Sensor {
    std::string name;
    std::vector<std::uint64_t> frames;                  // Those that are enabled.
    std::vector<std::span<const std::uint8_t>> images;  // As many.
  };

  [[nodiscard]] Handle open_file() const;
  [[nodiscard]] Handle open_group(const char* name) const;
  [[nodiscard]] Handle open_dataset(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> names_in(const Handle& group) const;

  void read_metadata();
  [[nodiscard]] std::string read_text(const Handle& dataset, const std::string& path) const;
  [[nodiscard]] std::vector<std::uint64_t> read_enabled(const std::string& sensor) const;
  void read_images(Sensor& sensor);
  void read_variable(const Handle& dataset, const Handle& type, Sensor& sensor);
  void read_fixed(const Handle& dataset, const Handle& type, Sensor& sensor);
  void keep_fixed(const std::vector<std::uint8_t>& elements, std::size_t element_bytes, Sensor& sensor);
  void check_images(const Sensor& sensor) const;
  void check_sensors_exist(const std::vector<std::string>& enabled) const;
  void order(const std::vector<Sensor>& sensors);

  [[nodiscard]] std::uint64_t length_of(const Handle& dataset, const std::string& path) const;
  [[nodiscard]] UsageError broken(const std::string& what) const;
  [[nodiscard]] UsageError hdf5_failed(const std::string& what) const;

  std::filesystem::path path_;
  std::string name_;  // Of the file in messages: "--dataset FILE".
  Handle file_;
  Dataset dataset_;
};

}  // namespace kexp::dataset
