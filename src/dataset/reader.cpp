#include "reader.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/json.hpp"

namespace kexp::dataset {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatchBytes = 16 << 20;  // Of padded elements read at once.

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

// HDF5 asks here for the memory of every variable-length element that it reads: the image's final place.
void* allocate_image(std::size_t bytes, void* storage) {
  auto& images = *static_cast<std::vector<std::vector<std::uint8_t>>*>(storage);
  try {
    return images.emplace_back(bytes).data();
  } catch (const std::exception&) {  // Out of memory, or a size that a broken file claims.
    return nullptr;                  // HDF5 is C; it reports the failure.
  }
}

void free_image(void*, void*) {}  // The dataset owns it.

bool is_byte(const Handle& type) {
  const H5T_class_t base = H5Tget_class(type.get());
  return H5Tget_size(type.get()) == 1 && (base == H5T_INTEGER || base == H5T_ENUM || base == H5T_OPAQUE);
}

std::string enabled_path(const std::string& sensor) { return "/is_enabled/" + sensor; }
std::string sensor_path(const std::string& sensor) { return "/sensors/" + sensor; }

}  // namespace

Dataset Dataset::read(const fs::path& file, std::string_view flag) { return Reader(file, flag).read(); }

Reader::Reader(fs::path file, std::string_view flag)
    : path_(std::move(file)), name_(fmt::format("{} {}", flag, path_.string())) {
  silence_hdf5();
  file_ = open_file();
}

Dataset Reader::read() {
  read_metadata();
  const Handle is_enabled = open_group("/is_enabled");
  const Handle images = open_group("/sensors");
  dataset_.sensors_ = names_in(images);
  check_sensors_exist(names_in(is_enabled));
  std::vector<Sensor> sensors;
  for (const std::string& name : dataset_.sensors_) {
    Sensor& sensor = sensors.emplace_back(Sensor{name, read_enabled(name), {}});
    read_images(sensor);
    check_images(sensor);
  }
  order(sensors);
  if (dataset_.items_.empty()) {
    throw broken("holds no image");
  }
  return std::move(dataset_);
}

UsageError Reader::broken(const std::string& what) const {
  return UsageError(fmt::format("{}: {}", name_, what));
}

UsageError Reader::hdf5_failed(const std::string& what) const {
  const std::string reason = last_hdf5_error();
  if (reason.find("version") != std::string::npos) {  // "bad version number for datatype message"
    return broken(
        fmt::format("{}: written with a newer HDF5, rewrite with libver=earliest ({})", what, reason));
  }
  return broken(fmt::format("{}: {}", what, reason));
}

Handle Reader::open_file() const {
  if (const std::string why = unreadable(path_); !why.empty()) {
    throw broken(why);
  }
  if (H5Fis_hdf5(path_.c_str()) <= 0) {
    throw broken("no HDF5 file");
  }
  // Datasets appear in one step, so no lock is needed; network file systems may not have any.
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access.get(), 0, 1);
  Handle file(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  if (!file) {
    throw hdf5_failed("broken or cut short");
  }
  return file;
}

Handle Reader::open_group(const char* name) const {
  if (H5Lexists(file_.get(), name, H5P_DEFAULT) <= 0) {
    throw broken(fmt::format("no image dataset: it has no group {}", name));
  }
  Handle group(H5Gopen2(file_.get(), name, H5P_DEFAULT), H5Gclose);
  if (!group) {
    throw hdf5_failed(name);
  }
  return group;
}

Handle Reader::open_dataset(const std::string& path) const {
  Handle dataset(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset) {
    throw hdf5_failed(path);
  }
  return dataset;
}

std::vector<std::string> Reader::names_in(const Handle& group) const {
  H5G_info_t info{};
  if (H5Gget_info(group.get(), &info) < 0) {
    throw hdf5_failed("a group");
  }
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const ssize_t length =
        H5Lget_name_by_idx(group.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    if (length < 0) {
      throw hdf5_failed("a group");
    }
    std::string name(static_cast<std::size_t>(length), '\0');
    H5Lget_name_by_idx(group.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size() + 1,
                       H5P_DEFAULT);
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t Reader::length_of(const Handle& dataset, const std::string& path) const {
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  if (H5Sget_simple_extent_ndims(space.get()) != 1) {
    throw broken(fmt::format("{} must have one dimension", path));
  }
  hsize_t length = 0;
  H5Sget_simple_extent_dims(space.get(), &length, nullptr);
  return length;
}

void Reader::read_metadata() {
  const std::string path = "/metadata";
  if (H5Lexists(file_.get(), path.c_str(), H5P_DEFAULT) <= 0) {
    throw broken("no image dataset: it has no /metadata");
  }
  const Json metadata = Json::parse(read_text(open_dataset(path), path), nullptr, /*allow_exceptions=*/false);
  const auto found = metadata.is_object() ? metadata.find("n_frames") : metadata.end();
  if (found == metadata.end() || !found->is_number_integer() || *found < 0) {
    throw broken("/metadata must be a JSON object with n_frames, a whole number");
  }
  dataset_.frames_ = found->get<std::uint64_t>();
}

std::string Reader::read_text(const Handle& dataset, const std::string& path) const {
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1) {
    throw broken(fmt::format("{} must be one string", path));
  }
  const auto read_into = [&](void* memory) {
    if (H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, memory) < 0) {
      throw hdf5_failed(path);
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

std::vector<std::uint64_t> Reader::read_enabled(const std::string& sensor) const {
  const std::string path = enabled_path(sensor);
  if (H5Lexists(file_.get(), path.c_str(), H5P_DEFAULT) <= 0) {
    throw broken(fmt::format("sensor {} has images, but there is no {}", sensor, path));
  }
  const Handle dataset = open_dataset(path);
  const std::uint64_t length = length_of(dataset, path);
  if (length != dataset_.frames_) {
    throw broken(fmt::format("sensor {}: {} has {} entries, /metadata says n_frames {}", sensor, path, length,
                             dataset_.frames_));
  }
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_ENUM && kind != H5T_INTEGER && kind != H5T_BITFIELD) {
    throw broken(fmt::format("{} must hold booleans or integers", path));
  }
  // As it stands in the file: true is what has any bit set, whatever the size and byte order.
  const std::size_t size = H5Tget_size(type.get());
  std::vector<std::uint8_t> values(length * size);
  if (H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    throw hdf5_failed(path);
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

void Reader::check_sensors_exist(const std::vector<std::string>& enabled) const {
  for (const std::string& name : enabled) {
    if (std::binary_search(dataset_.sensors_.begin(), dataset_.sensors_.end(), name)) {
      continue;
    }
    if (const auto frames = read_enabled(name); !frames.empty()) {
      throw broken(fmt::format("sensor {} is enabled in frame {}, but there is no {}", name, frames.front(),
                               sensor_path(name)));
    }
  }
}

void Reader::read_images(Sensor& sensor) {
  const std::string path = sensor_path(sensor.name);
  const Handle dataset = open_dataset(path);
  const std::uint64_t stored = length_of(dataset, path);
  if (stored < sensor.frames.size()) {
    throw broken(fmt::format("sensor {}, frame {}: enabled, but its image is missing ({} enabled, {} stored)",
                             sensor.name, sensor.frames[stored], sensor.frames.size(), stored));
  }
  if (stored > sensor.frames.size()) {
    throw broken(fmt::format("sensor {}: {} images stored, but only {} frames enabled", sensor.name, stored,
                             sensor.frames.size()));
  }
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind == H5T_VLEN && is_byte(Handle(H5Tget_super(type.get()), H5Tclose))) {
    read_variable(dataset, type, sensor);
  } else if (kind == H5T_OPAQUE || (kind == H5T_STRING && H5Tis_variable_str(type.get()) == 0)) {
    read_fixed(dataset, type, sensor);
  } else if (kind == H5T_STRING) {
    throw broken(
        fmt::format("{}: variable-length strings end at the first NUL and cannot hold images; store "
                    "variable-length uint8",
                    path));
  } else {
    throw broken(fmt::format("{}: elements must be variable-length uint8, opaque or byte strings", path));
  }
}

void Reader::read_variable(const Handle& dataset, const Handle& type, Sensor& sensor) {
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  H5Pset_vlen_mem_manager(transfer.get(), allocate_image, &dataset_.storage_, free_image, nullptr);
  std::vector<hvl_t> elements(sensor.frames.size());
  if (!elements.empty() &&
      H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, transfer.get(), elements.data()) < 0) {
    throw hdf5_failed(fmt::format("sensor {}", sensor.name));
  }
  for (const hvl_t& element : elements) {
    sensor.images.emplace_back(static_cast<const std::uint8_t*>(element.p), element.len);
  }
}

void Reader::read_fixed(const Handle& dataset, const Handle& type, Sensor& sensor) {
  const std::size_t element_bytes = H5Tget_size(type.get());
  const hsize_t count = sensor.frames.size();
  const hsize_t batch = std::max<hsize_t>(1, kBatchBytes / element_bytes);
  const Handle file_space(H5Dget_space(dataset.get()), H5Sclose);
  for (hsize_t first = 0; first < count; first += batch) {
    const hsize_t now = std::min(batch, count - first);
    std::vector<std::uint8_t> elements(now * element_bytes);
    const Handle memory_space(H5Screate_simple(1, &now, nullptr), H5Sclose);
    H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, &first, nullptr, &now, nullptr);
    if (H5Dread(dataset.get(), type.get(), memory_space.get(), file_space.get(), H5P_DEFAULT,
                elements.data()) < 0) {
      throw hdf5_failed(fmt::format("sensor {}, frames {} to {}", sensor.name, sensor.frames[first],
                                    sensor.frames[first + now - 1]));
    }
    keep_fixed(elements, element_bytes, sensor);
  }
}

// No JPEG or PNG ends with a NUL, so NULs at the end are padding to the size of the longest image.
void Reader::keep_fixed(const std::vector<std::uint8_t>& elements, std::size_t element_bytes,
                        Sensor& sensor) {
  for (std::size_t at = 0; at < elements.size(); at += element_bytes) {
    const auto first = elements.begin() + static_cast<std::ptrdiff_t>(at);
    auto last = first + static_cast<std::ptrdiff_t>(element_bytes);
    while (last != first && *(last - 1) == 0) {
      --last;
    }
    sensor.images.emplace_back(dataset_.storage_.emplace_back(first, last));
  }
}

void Reader::check_images(const Sensor& sensor) const {
  for (std::size_t i = 0; i < sensor.images.size(); ++i) {
    if (sensor.images[i].empty()) {
      throw broken(fmt::format("sensor {}, frame {}: the image is empty", sensor.name, sensor.frames[i]));
    }
  }
}

// Frame by frame, sensors in name order: a merge of the sensors' ascending frames.
void Reader::order(const std::vector<Sensor>& sensors) {
  for (std::uint32_t s = 0; s < sensors.size(); ++s) {
    for (std::size_t i = 0; i < sensors[s].images.size(); ++i) {
      dataset_.items_.push_back({sensors[s].images[i], s, sensors[s].frames[i]});
    }
  }
  std::stable_sort(dataset_.items_.begin(), dataset_.items_.end(),
                   [](const Dataset::Item& a, const Dataset::Item& b) { return a.frame < b.frame; });
}

}  // namespace kexp::dataset
