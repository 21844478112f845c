#pragma once

#include <string>

#include "kexp/core/error.hpp"

namespace kexp::dataset {

/// Makes the errors about one file.
struct FileErrors {
  std::string file;  ///< As messages name it: "--dataset FILE".

  [[nodiscard]] UsageError broken(const std::string& what) const;
  /// With HDF5's reason.
  [[nodiscard]] UsageError unreadable(const std::string& what, const std::string& reason) const;
  /// For the call that failed just now.
  [[nodiscard]] UsageError hdf5_failed(const std::string& what) const;
};

}  // namespace kexp::dataset
