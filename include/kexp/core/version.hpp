#pragma once

#include <string>
#include <string_view>

namespace kexp {

/// "0.1.0".
[[nodiscard]] std::string_view version();

/// The linker's hash of the executable or shared library that holds `address`, in hex: another one after
/// every change of its code. Empty where it was linked without.
[[nodiscard]] std::string build_id(const void* address);

}  // namespace kexp
