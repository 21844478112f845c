#include "file_errors.hpp"

#include <fmt/format.h>

#include "hdf5.hpp"

namespace kexp::dataset {

UsageError FileErrors::broken(const std::string& what) const {
  return UsageError(fmt::format("{}: {}", file, what));
}

UsageError FileErrors::unreadable(const std::string& what, const std::string& reason) const {
  if (reason.find("version") != std::string::npos) {  // "bad version number for datatype message"
    return broken(
        fmt::format("{}: written with a newer HDF5, rewrite with libver=earliest ({})", what, reason));
  }
  return broken(fmt::format("{}: {}", what, reason));
}

UsageError FileErrors::hdf5_failed(const std::string& what) const {
  return unreadable(what, last_hdf5_error());
}

}  // namespace kexp::dataset
