#pragma once

/// The images of a dataset as files again.

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace kexp::dataset {

/// Writes the first `count` images of `file` in reading order as they are: <sensor>-<frame>.jpg, .png or,
/// unknown, .bin. No more of it is read, and in bounded memory.
///
/// `directory` is made when it is missing. Returns how many there were.
/// Errors: those of Dataset::read, naming `flag`; UsageError naming --out when a file of such a name is
/// there; FailedError when one cannot be written.
std::uint64_t export_images(const std::filesystem::path& file, std::string_view flag,
                            const std::filesystem::path& directory, std::uint64_t count);

}  // namespace kexp::dataset
