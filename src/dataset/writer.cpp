#include <string>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/dataset/dataset.hpp"

#include "hdf5.hpp"

namespace kexp::dataset {

namespace {

constexpr hsize_t kChunkImages = 1024;        // References to images per chunk, 16 bytes each.
constexpr std::size_t kMemoryStep = 4 << 20;  // By which HDF5 grows its file in memory.

// Throws unless HDF5 took it.
void check(bool ok, const char* what) {
  if (!ok) {
    throw FailedError(fmt::format("cannot {}: {}", what, last_hdf5_error()));
  }
}

Handle create_in_memory(const std::string& name) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access.get(), kMemoryStep, 0);
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
  return {H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose};
}

// Without the time of creation: the same images make the same file.
Handle properties() {
  Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.get(), 0);
  return properties;
}

Handle create_images(const Handle& group, const std::string& sensor, const Handle& type) {
  const hsize_t none = 0;
  const hsize_t unlimited = H5S_UNLIMITED;
  const Handle space(H5Screate_simple(1, &none, &unlimited), H5Sclose);
  const Handle chunked = properties();
  H5Pset_chunk(chunked.get(), 1, &kChunkImages);
  return {H5Dcreate2(group.get(), sensor.c_str(), type.get(), space.get(), H5P_DEFAULT, chunked.get(),
                     H5P_DEFAULT),
          H5Dclose};
}

// The boolean that h5py and pandas read as such.
Handle boolean_type() {
  Handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
  for (const std::int8_t value : {std::int8_t{0}, std::int8_t{1}}) {
    H5Tenum_insert(type.get(), value == 0 ? "FALSE" : "TRUE", &value);
  }
  return type;
}

Handle text_type(std::size_t bytes) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), bytes);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

void write_whole(const Handle& place, const std::string& name, const Handle& type, const Handle& space,
                 const void* data) {
  const Handle dataset(H5Dcreate2(place.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT,
                                  properties().get(), H5P_DEFAULT),
                       H5Dclose);
  check(dataset && H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0,
        name.c_str());
}

}  // namespace

struct Writer::Impl {
  Impl(std::filesystem::path path_in, std::string sensor_in)
      : path(std::move(path_in)),
        sensor(std::move(sensor_in)),
        file(create_in_memory(path.filename().string())),
        type(H5Tvlen_create(H5T_NATIVE_UINT8), H5Tclose) {
    check(static_cast<bool>(file), "build a dataset in memory");
    const Handle group = create_group("sensors");
    images = create_images(group, sensor, type);
    check(static_cast<bool>(images), "build a dataset in memory");
  }

  [[nodiscard]] Handle create_group(const char* name) const {
    return {H5Gcreate2(file.get(), name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose};
  }

  void add(std::span<const std::uint8_t> image, hsize_t index) const {
    const hsize_t size = index + 1;
    const hsize_t one = 1;
    check(H5Dset_extent(images.get(), &size) >= 0, "add an image");
    const Handle file_space(H5Dget_space(images.get()), H5Sclose);
    const Handle memory_space(H5Screate_simple(1, &one, nullptr), H5Sclose);
    H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, &index, nullptr, &one, nullptr);
    const hvl_t element{image.size(), const_cast<std::uint8_t*>(image.data())};  // HDF5 only reads it.
    check(
        H5Dwrite(images.get(), type.get(), memory_space.get(), file_space.get(), H5P_DEFAULT, &element) >= 0,
        "add an image");
  }

  void describe(hsize_t count) const {
    const Handle frames(H5Screate_simple(1, &count, nullptr), H5Sclose);
    write_whole(create_group("is_enabled"), sensor, boolean_type(), frames,
                std::vector<std::int8_t>(count, 1).data());
    const std::string metadata = fmt::format(R"({{"n_frames": {}}})", count);
    write_whole(file, "metadata", text_type(metadata.size()), Handle(H5Screate(H5S_SCALAR), H5Sclose),
                metadata.data());
  }

  // The bytes of the whole file, where HDF5 keeps them; valid until the file is closed.
  [[nodiscard]] std::string_view content() const {
    void** memory = nullptr;
    check(H5Fflush(file.get(), H5F_SCOPE_GLOBAL) >= 0, "complete the dataset");
    const ssize_t size = H5Fget_file_image(file.get(), nullptr, 0);
    check(size > 0 && H5Fget_vfd_handle(file.get(), H5P_DEFAULT, reinterpret_cast<void**>(&memory)) >= 0,
          "complete the dataset");
    return {static_cast<const char*>(*memory), static_cast<std::size_t>(size)};
  }

  std::filesystem::path path;
  std::string sensor;
  Handle file;
  Handle type;
  Handle images;
};

Writer::Writer(std::filesystem::path file, std::string sensor) {
  silence_hdf5();
  impl_ = std::make_unique<Impl>(std::move(file), std::move(sensor));
}

Writer::~Writer() = default;

void Writer::add(std::span<const std::uint8_t> encoded_image) {
  if (encoded_image.empty()) {
    throw FailedError(fmt::format("{}: image {} is empty", impl_->path.string(), count_));
  }
  impl_->add(encoded_image, count_);
  ++count_;
}

void Writer::finish() {
  if (count_ == 0) {
    throw FailedError(fmt::format("{}: not written, there is no image for it", impl_->path.string()));
  }
  impl_->describe(count_);
  write_file_atomically(impl_->path, impl_->content());
}

}  // namespace kexp::dataset
