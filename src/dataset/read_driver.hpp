#pragma once

#include <hdf5.h>

namespace kexp::dataset {

/// Lets a file access list read through a driver of ours, for what HDF5's own makes of damaged files: it
/// takes what is missing at the end, be it cut off while the file is open, for zeros, and reads for ever when
/// the place of a variable-length element is zeros in part. With ours both are errors.
///
/// For reading only; files are not locked. Errors: a negative value, as HDF5.
[[nodiscard]] herr_t use_read_driver(hid_t access);

}  // namespace kexp::dataset
