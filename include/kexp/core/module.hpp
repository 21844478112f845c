#pragma once

/// Shared modules of ours (`lib/kexp/*.so`): what costs more to load than the whole start of the binary is
/// loaded on first use and stays for the life of the process. What the binary and a module agree on is a
/// struct of C functions whose first member is a version, because the two may come from different builds.

#include <cstdint>
#include <filesystem>
#include <optional>

namespace kexp {

/// Where the module `file` ("kexp_media.so") is: in KEXP_LIB_DIR, else in ../lib/kexp beside the executable.
[[nodiscard]] std::optional<std::filesystem::path> find_module(const char* file);

/// The address of a loaded module's function. Errors: UsageError with the loader's own words.
[[nodiscard]] void* module_function(const std::filesystem::path& module, const char* name);

/// A module of another version. Errors: always UsageError.
[[noreturn]] void refuse_module(const std::filesystem::path& module);

/// What the module's function `entry` hands out. Errors: UsageError naming the module.
template <typename Api>
[[nodiscard]] const Api& load_module(const std::filesystem::path& module, const char* entry,
                                     std::uint32_t version) {
  const Api* api = reinterpret_cast<const Api* (*)()>(module_function(module, entry))();
  if (api == nullptr || api->version != version) {
    refuse_module(module);
  }
  return *api;
}

}  // namespace kexp
