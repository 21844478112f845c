#pragma once

#include <filesystem>

namespace kexp::extractor {

/// The folder of the dataset that `path` means: itself, or that of the run which it is.
/// Errors: FailedError naming the file.
[[nodiscard]] std::filesystem::path dataset_of(const std::filesystem::path& path);

}  // namespace kexp::extractor
