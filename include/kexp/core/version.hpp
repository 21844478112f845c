#pragma once

#include <string_view>

namespace kexp {

/// "0.1.0".
[[nodiscard]] std::string_view version();

}  // namespace kexp
