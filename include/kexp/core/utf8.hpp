#pragma once

#include <string>
#include <string_view>

namespace kexp {

/// `text` with U+FFFD for every part that is no UTF-8, as JSON that we write has it.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace kexp
