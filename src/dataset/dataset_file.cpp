#include "dataset_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/json.hpp"

#include "read_driver.hpp"

namespace kexp::dataset {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatchBytes = 16 << 20;      // Read at once, of all sensors together.
constexpr std::size_t kLeastBatchBytes = 1 << 20;  // Of one sensor.

// Why nobody could read it, or nothing.
std::string unreadable(const fs::path& file) {
  std::error_code error;
  if (fs::is_directory(file, error)) {
    return "is a directory";
  }
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int why = errno;
    return std::generic_category().message(why) + (why == ENOENT ? "; kexp dataset make makes one" : "");
  }
  ::close(fd);
  return {};
}

// HDF5 keeps up to 32 MB of what it read of variable-length images, which nobody reads twice.
void limit_cache(const Handle& access) {
  H5AC_cache_config_t cache{};
  cache.version = H5AC__CURR_CACHE_CONFIG_VERSION;
  H5Pget_mdc_config(access.get(), &cache);
  cache.max_size = std::max(cache.initial_size, cache.min_size);
  H5Pset_mdc_config(access.get(), &cache);
}

std::string enabled_path(const std::string& sensor) { return "/is_enabled/" + sensor; }
std::string sensor_path(const std::string& sensor) { return "/sensors/" + sensor; }

}  // namespace

DatasetFile::DatasetFile(fs::path file, std::string_view flag)
    : path_(std::move(file)), errors_{fmt::format("{} {}", flag, path_.string())} {
  silence_hdf5();
  file_ = open_file();
  read_metadata();
  const Handle is_enabled = open_group("/is_enabled");
  names_ = names_in(open_group("/sensors"));
  check_sensors_exist(names_in(is_enabled));
  for (const std::string& name : names_) {
    open_sensor(name);
  }
  order();
  if (places_.empty()) {
    throw errors_.broken("holds no image");
  }
}

void DatasetFile::visit_first(std::uint64_t count, const Visitor& visitor) {
  std::vector<Ahead> ahead(sensors_.size());
  for (std::uint64_t i = 0; i < count; ++i) {
    const Place& place = places_[i];
    Ahead& images = ahead[place.sensor];
    if (images.at == images.batch.size()) {
      SensorImages& sensor = sensors_[place.sensor];
      images = {sensor.read(place.element, std::min(sensor.frames().size() - place.element, count - i)), 0};
    }
    visitor(place, images.batch[images.at++]);
  }
}

Handle DatasetFile::open_file() const {
  if (const std::string why = unreadable(path_); !why.empty()) {
    throw errors_.broken(why);
  }
  if (H5Fis_hdf5(path_.c_str()) <= 0) {
    throw errors_.broken("no HDF5 file");
  }
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  limit_cache(access);
  if (use_read_driver(access.get()) < 0) {
    throw errors_.hdf5_failed("HDF5");
  }
  Handle file(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  if (!file) {
    throw errors_.hdf5_failed("broken or cut short");
  }
  return file;
}

Handle DatasetFile::open_group(const char* name) const {
  if (H5Lexists(file_.get(), name, H5P_DEFAULT) <= 0) {
    throw errors_.broken(fmt::format("no image dataset: it has no group {}", name));
  }
  Handle group(H5Gopen2(file_.get(), name, H5P_DEFAULT), H5Gclose);
  if (!group) {
    throw errors_.hdf5_failed(name);
  }
  return group;
}

Handle DatasetFile::open_dataset(const std::string& path) const {
  Handle dataset(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset) {
    throw errors_.hdf5_failed(path);
  }
  return dataset;
}

std::vector<std::string> DatasetFile::names_in(const Handle& group) const {
  H5G_info_t info{};
  if (H5Gget_info(group.get(), &info) < 0) {
    throw errors_.hdf5_failed("a group");
  }
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const ssize_t length =
        H5Lget_name_by_idx(group.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    if (length < 0) {
      throw errors_.hdf5_failed("a group");
    }
    std::string name(static_cast<std::size_t>(length), '\0');
    H5Lget_name_by_idx(group.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size() + 1,
                       H5P_DEFAULT);
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t DatasetFile::length_of(const Handle& dataset, const std::string& path) const {
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  if (H5Sget_simple_extent_ndims(space.get()) != 1) {
    throw errors_.broken(fmt::format("{} must have one dimension", path));
  }
  hsize_t length = 0;
  H5Sget_simple_extent_dims(space.get(), &length, nullptr);
  return length;
}

void DatasetFile::read_metadata() {
  const std::string path = "/metadata";
  if (H5Lexists(file_.get(), path.c_str(), H5P_DEFAULT) <= 0) {
    throw errors_.broken("no image dataset: it has no /metadata");
  }
  const Json metadata = Json::parse(read_text(open_dataset(path), path), nullptr, /*allow_exceptions=*/false);
  const auto found = metadata.is_object() ? metadata.find("n_frames") : metadata.end();
  if (found == metadata.end() || !found->is_number_integer() || *found < 0) {
    throw errors_.broken("/metadata must be a JSON object with n_frames, a whole number");
  }
  frames_ = found->get<std::uint64_t>();
}

std::string DatasetFile::read_text(const Handle& dataset, const std::string& path) const {
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1) {
    throw errors_.broken(fmt::format("{} must be one string", path));
  }
  const auto read_into = [&](void* memory) {
    if (H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, memory) < 0) {
      throw errors_.hdf5_failed(path);
    }
  };
  if (H5Tis_variable_str(type.get()) > 0) {
    char* text = nullptr;
    read_into(&text);
    const std::unique_ptr<char, herr_t (*)(void*)> owned(text, H5free_memory);
    return text == nullptr ? std::string() : std::string(text);
  }
  std::string text(H5Tget_size(type.get()), '\0');
  read_into(text.data());
  text.erase(std::min(text.find('\0'), text.size()));
  return text;
}

std::vector<std::uint64_t> DatasetFile::read_enabled(const std::string& sensor) const {
  const std::string path = enabled_path(sensor);
  if (H5Lexists(file_.get(), path.c_str(), H5P_DEFAULT) <= 0) {
    throw errors_.broken(fmt::format("sensor {} has images, but there is no {}", sensor, path));
  }
  const Handle dataset = open_dataset(path);
  const std::uint64_t length = length_of(dataset, path);
  if (length != frames_) {
    throw errors_.broken(fmt::format("sensor {}: {} has {} entries, /metadata says n_frames {}", sensor, path,
                                     length, frames_));
  }
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_ENUM && kind != H5T_INTEGER && kind != H5T_BITFIELD) {
    throw errors_.broken(fmt::format("{} must hold booleans or integers", path));
  }
  // As it stands in the file: true is what has any bit set, whatever the size and byte order.
  const std::size_t size = H5Tget_size(type.get());
  std::vector<std::uint8_t> values(length * size);
  if (H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    throw errors_.hdf5_failed(path);
  }
  std::vector<std::uint64_t> frames;
  for (std::uint64_t frame = 0; frame < length; ++frame) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(frame * size);
    if (std::any_of(first, first + static_cast<std::ptrdiff_t>(size),
                    [](std::uint8_t b) { return b != 0; })) {
      frames.push_back(frame);
    }
  }
  return frames;
}

void DatasetFile::check_sensors_exist(const std::vector<std::string>& enabled) const {
  for (const std::string& name : enabled) {
    if (std::binary_search(names_.begin(), names_.end(), name)) {
      continue;
    }
    if (const auto frames = read_enabled(name); !frames.empty()) {
      throw errors_.broken(fmt::format("sensor {} is enabled in frame {}, but there is no {}", name,
                                       frames.front(), sensor_path(name)));
    }
  }
}

void DatasetFile::open_sensor(const std::string& name) {
  const std::string path = sensor_path(name);
  std::vector<std::uint64_t> enabled = read_enabled(name);
  Handle dataset = open_dataset(path);
  (void)length_of(dataset, path);  // Has one dimension.
  sensors_.emplace_back(errors_, name, std::move(enabled), std::move(dataset));
}

// Frame by frame, sensors in name order: a merge of the sensors' ascending frames.
void DatasetFile::order() {
  for (std::uint32_t sensor = 0; sensor < sensors_.size(); ++sensor) {
    sensors_[sensor].set_memory(std::max(kLeastBatchBytes, kBatchBytes / sensors_.size()));
    for (std::uint64_t element = 0; element < sensors_[sensor].frames().size(); ++element) {
      places_.push_back({element, sensor});
    }
  }
  std::stable_sort(places_.begin(), places_.end(),
                   [this](const Place& a, const Place& b) { return frame_of(a) < frame_of(b); });
}

}  // namespace kexp::dataset
