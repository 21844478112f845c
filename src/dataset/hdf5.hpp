#pragma once

// HDF5's identifiers and errors, made ours. The library is not thread-safe in Debian's build: one thread at a
// time reads or writes datasets.

#include <string>
#include <utility>

#include <hdf5.h>

namespace kexp::dataset {

/// An HDF5 identifier and the call that gives it back.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close closer) : id_(id), close_(closer) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) {
      close_(id_);
    }
  }

  [[nodiscard]] hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Keeps HDF5 from printing its errors; they are read with `last_hdf5_error` instead.
void silence_hdf5();

/// The innermost reason of the call that failed just now. Every further HDF5 call forgets it.
[[nodiscard]] std::string last_hdf5_error();

}  // namespace kexp::dataset
