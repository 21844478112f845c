#pragma once

/// Bringing a folder on disk to a rendering.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kexp/manifest/render.hpp"

namespace kexp::manifest {

/// Of a folder of ours, what stays as it is through all renderings.
inline constexpr const char* kGrafanaPasswordFile = "secrets/grafana-password";

/// The secrets that `folder` holds; those that it does not hold are made.
/// Errors: UsageError where a file of one is empty.
[[nodiscard]] Secrets kept_or_new_secrets(const std::filesystem::path& folder);

/// As `write_folder`, of any files. `kept` are written where they are missing, and never touched again.
WrittenFolder write_files(const std::vector<RenderedFile>& files, const std::vector<RenderedFile>& kept,
                          const std::filesystem::path& folder, Strange strange);

}  // namespace kexp::manifest
