#pragma once

/// The images of a dataset as files again.

#include <cstdint>
#include <filesystem>

#include "kexp/dataset/dataset.hpp"

namespace kexp::dataset {

/// Writes the first `count` images in reading order as they are: <sensor>-<frame>.jpg, .png or, unknown,
/// .bin.
///
/// `directory` is made when it is missing. Returns how many there were.
/// Errors: UsageError naming --out when a file of such a name is there; FailedError when one cannot be
/// written.
std::uint64_t export_images(const Dataset& dataset, const std::filesystem::path& directory,
                            std::uint64_t count);

}  // namespace kexp::dataset
