#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kexp/manifest/cluster_file.hpp"

namespace kexp::manifest::test {

/// The shortest cluster file, ten lines; `more` begins in line 11.
[[nodiscard]] std::string shortest(std::string_view more = "");
inline constexpr int kMore = 11;

/// The file that `deploy init` writes for the reference cluster, with a part of it exchanged.
[[nodiscard]] std::string reference_with(std::string_view part, std::string_view other);

[[nodiscard]] ClusterFile parsed(const std::string& text);
/// The errors of a file called c.yaml, a line each; a failed test, and nothing, when it has none.
[[nodiscard]] std::string errors_of(const std::string& text);
/// The warnings likewise, when it has no errors.
[[nodiscard]] std::string warnings_of(const std::string& text);

}  // namespace kexp::manifest::test
