#include "sensor_images.hpp"

#include <algorithm>
#include <new>

#include <fmt/format.h>

namespace kexp::dataset {

namespace {

constexpr std::uint64_t kMostVariable = 4096;  // Images of a batch: small ones, whose bytes limit nothing.

void leave(void*, void*) {}  // The arena owns it.

bool is_byte(const Handle& type) {
  const H5T_class_t base = H5Tget_class(type.get());
  return H5Tget_size(type.get()) == 1 && (base == H5T_INTEGER || base == H5T_ENUM || base == H5T_OPAQUE);
}

// No JPEG or PNG ends with a NUL, so NULs at the end are padding to the size of the longest image.
std::span<const std::uint8_t> without_padding(std::span<const std::uint8_t> element) {
  std::size_t size = element.size();
  while (size > 0 && element[size - 1] == 0) {
    --size;
  }
  return element.first(size);
}

}  // namespace

// False when there is not so much memory: a broken file may claim any size.
bool SensorImages::Arena::reserve(std::size_t wanted) {
  if (size < wanted) {
    bytes.reset();  // Before its successor is there: one of them at a time.
    bytes.reset(new (std::nothrow) std::uint8_t[wanted]);
    size = bytes ? wanted : 0;
  }
  return size >= wanted;
}

void* SensorImages::Arena::take(std::size_t wanted) noexcept {
  if (size - used < wanted) {
    missing = missing == 0 ? wanted : missing;
    return nullptr;
  }
  used += wanted;
  return bytes.get() + (used - wanted);
}

SensorImages::SensorImages(FileErrors errors, std::string sensor, std::vector<std::uint64_t> frames,
                           Handle dataset)
    : errors_(std::move(errors)),
      sensor_(std::move(sensor)),
      frames_(std::move(frames)),
      dataset_(std::move(dataset)),
      type_(H5Dget_type(dataset_.get()), H5Tclose),
      file_space_(H5Dget_space(dataset_.get()), H5Sclose) {
  check_count();
  check_type();
}

void SensorImages::check_count() const {
  const auto stored = static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(file_space_.get()));
  if (stored < frames_.size()) {
    throw errors_.broken(
        fmt::format("sensor {}, frame {}: enabled, but its image is missing ({} enabled, {} stored)", sensor_,
                    frames_[stored], frames_.size(), stored));
  }
  if (stored > frames_.size()) {
    throw errors_.broken(fmt::format("sensor {}: {} images stored, but only {} frames enabled", sensor_,
                                     stored, frames_.size()));
  }
}

void SensorImages::check_type() {
  const H5T_class_t kind = H5Tget_class(type_.get());
  if (kind == H5T_VLEN && is_byte(Handle(H5Tget_super(type_.get()), H5Tclose))) {
    variable_ = true;
  } else if (kind == H5T_STRING && H5Tis_variable_str(type_.get()) > 0) {
    throw errors_.broken(
        fmt::format("/sensors/{}: variable-length strings end at the first NUL and cannot hold images; store "
                    "variable-length uint8",
                    sensor_));
  } else if (kind != H5T_OPAQUE && kind != H5T_STRING) {
    throw errors_.broken(
        fmt::format("/sensors/{}: elements must be variable-length uint8, opaque or byte strings", sensor_));
  }
}

std::span<const std::span<const std::uint8_t>> SensorImages::read(std::uint64_t first, std::uint64_t most) {
  images_.clear();
  variable_ ? read_variable(first, most) : read_fixed(first, most);
  for (std::size_t i = 0; i < images_.size(); ++i) {
    if (images_[i].empty()) {
      throw errors_.broken(fmt::format("{}: the image is empty", name_of(first + i, 1)));
    }
  }
  return images_;
}

void SensorImages::reserve(std::size_t bytes, std::uint64_t image) {
  if (!arena_.reserve(bytes)) {
    throw errors_.broken(fmt::format("{}: no memory for {} bytes", name_of(image, 1), bytes));
  }
}

// How long an element is shows when it is read: what does not fit, or cannot be read, is tried again with
// fewer elements, at last with the one that is the reason.
void SensorImages::read_variable(std::uint64_t first, std::uint64_t most) {
  reserve(memory_bytes_, first);
  std::uint64_t count = std::min(most, variable_batch_);
  for (std::string why = try_variable(first, count); !why.empty(); why = try_variable(first, count)) {
    if (count > 1) {
      count /= 2;
    } else if (arena_.missing > 0) {
      reserve(arena_.missing, first);
    } else {
      throw errors_.unreadable(name_of(first, 1), why);
    }
  }
  for (const hvl_t& element : elements_) {
    images_.emplace_back(static_cast<const std::uint8_t*>(element.p), element.len);
  }
  const std::size_t mean = std::max<std::size_t>(arena_.used / count, 1);
  variable_batch_ = std::clamp<std::uint64_t>(memory_bytes_ / mean * 3 / 4, 1, kMostVariable);
}

// Why HDF5 could not, or nothing.
std::string SensorImages::try_variable(std::uint64_t first, std::uint64_t count) {
  arena_.used = 0;
  arena_.missing = 0;
  elements_.assign(count, {});
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  H5Pset_vlen_mem_manager(transfer.get(), allocate, &arena_, leave, nullptr);
  return read_elements(first, count, transfer, elements_.data());
}

// HDF5 asks here for the memory of every variable-length element that it reads, and reports it when there is
// none.
void* SensorImages::allocate(std::size_t bytes, void* arena) noexcept {
  return static_cast<Arena*>(arena)->take(bytes);
}

void SensorImages::read_fixed(std::uint64_t first, std::uint64_t most) {
  const std::size_t element_bytes = H5Tget_size(type_.get());
  const std::uint64_t count =
      std::clamp<std::uint64_t>(memory_bytes_ / element_bytes, 1, std::max<std::uint64_t>(most, 1));
  reserve(std::max(memory_bytes_, element_bytes), first);
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  if (const std::string why = read_elements(first, count, transfer, arena_.bytes.get()); !why.empty()) {
    throw errors_.unreadable(name_of(first, count), why);
  }
  for (std::size_t i = 0; i < count; ++i) {
    images_.push_back(without_padding({arena_.bytes.get() + i * element_bytes, element_bytes}));
  }
}

std::string SensorImages::read_elements(std::uint64_t first, std::uint64_t count, const Handle& transfer,
                                        void* memory) const {
  const hsize_t start = first;
  const hsize_t length = count;
  const Handle memory_space(H5Screate_simple(1, &length, nullptr), H5Sclose);
  H5Sselect_hyperslab(file_space_.get(), H5S_SELECT_SET, &start, nullptr, &length, nullptr);
  const bool ok = H5Dread(dataset_.get(), type_.get(), memory_space.get(), file_space_.get(), transfer.get(),
                          memory) >= 0;
  return ok ? std::string() : last_hdf5_error();
}

std::string SensorImages::name_of(std::uint64_t first, std::uint64_t count) const {
  if (count == 1) {
    return fmt::format("sensor {}, frame {}", sensor_, frames_[first]);
  }
  return fmt::format("sensor {}, frames {} to {}", sensor_, frames_[first], frames_[first + count - 1]);
}

}  // namespace kexp::dataset
