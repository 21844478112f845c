#pragma once

#include <filesystem>
#include <string_view>

#include "kexp/core/error.hpp"

namespace kexp {

/// "cannot <verb> <file>: <reason>".
[[nodiscard]] FailedError disk_error(std::string_view verb, const std::filesystem::filesystem_error& error);

/// Does `action`, which uses std::filesystem; what that throws becomes a FailedError naming the file.
template <typename Action>
auto on_disk(std::string_view verb, const Action& action) {
  try {
    return action();
  } catch (const std::filesystem::filesystem_error& e) {
    throw disk_error(verb, e);
  }
}

}  // namespace kexp
