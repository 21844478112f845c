#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "file_errors.hpp"
#include "hdf5.hpp"
#include "sensor_images.hpp"

namespace kexp::dataset {

/// Where an image stands in its file.
struct Place {
  std::uint64_t element = 0;  ///< Of its sensor's images.
  std::uint32_t sensor = 0;   ///< Index into the names of the sensors.
};

/// An open file that says of itself what a dataset must: metadata, who is enabled when, one image for each.
/// The images themselves are checked when they are read.
class DatasetFile {
 public:
  /// Errors: those of Dataset::read.
  DatasetFile(std::filesystem::path file, std::string_view flag);

  /// As messages name it: "--dataset FILE".
  [[nodiscard]] const std::string& name() const { return errors_.file; }
  [[nodiscard]] const std::vector<std::string>& sensors() const { return names_; }
  /// `n_frames` of the metadata.
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  /// Of every image, in reading order.
  [[nodiscard]] const std::vector<Place>& places() const { return places_; }
  [[nodiscard]] std::uint64_t frame_of(const Place& place) const {
    return sensors_[place.sensor].frames()[place.element];
  }

  /// Its bytes are valid for the call.
  using Visitor = std::function<void(const Place&, std::span<const std::uint8_t>)>;
  /// Reads every image once, in reading order, in bounded memory. Errors: UsageError naming sensor and frame.
  void visit(const Visitor& visitor) { visit_first(places_.size(), visitor); }
  /// The first `count` of them. Requires: there are so many.
  void visit_first(std::uint64_t count, const Visitor& visitor);

  /// The images of one sensor, for reading some again.
  [[nodiscard]] SensorImages& images_of(std::uint32_t sensor) { return sensors_[sensor]; }

 private:
  /// What was read of a sensor and not visited yet.
  struct Ahead {
    std::span<const std::span<const std::uint8_t>> batch;
    std::size_t at = 0;
  };

  [[nodiscard]] Handle open_file() const;
  [[nodiscard]] Handle open_group(const char* name) const;
  [[nodiscard]] Handle open_dataset(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> names_in(const Handle& group) const;

  void read_metadata();
  [[nodiscard]] std::string read_text(const Handle& dataset, const std::string& path) const;
  [[nodiscard]] std::vector<std::uint64_t> read_enabled(const std::string& sensor) const;
  void check_sensors_exist(const std::vector<std::string>& enabled) const;
  void open_sensor(const std::string& name);
  void order();
  [[nodiscard]] std::uint64_t length_of(const Handle& dataset, const std::string& path) const;

  std::filesystem::path path_;
  FileErrors errors_;
  Handle file_;
  std::uint64_t frames_ = 0;
  std::vector<std::string> names_;
  std::vector<SensorImages> sensors_;  // As many.
  std::vector<Place> places_;
};

}  // namespace kexp::dataset
