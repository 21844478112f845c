#pragma once

#include <string_view>

namespace kexp::manifest {

/// The text of src/manifest/scripts/<name>, which is compiled into the binary. An unknown name is a
/// std::logic_error.
[[nodiscard]] std::string_view script(std::string_view name);

}  // namespace kexp::manifest
