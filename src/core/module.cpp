#include "kexp/core/module.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <system_error>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp {

namespace fs = std::filesystem;

std::optional<fs::path> find_module(const char* file) {
  std::error_code error;
  const char* configured = std::getenv("KEXP_LIB_DIR");
  const fs::path folder =
      configured != nullptr && *configured != '\0'
          ? fs::path(configured)
          : fs::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "lib" / "kexp";
  const fs::path found = folder / file;
  return fs::exists(found, error) ? std::optional(found) : std::nullopt;
}

void* module_function(const fs::path& module, const char* name) {
  void* loaded = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed
  if (loaded == nullptr) {
    throw UsageError(fmt::format("{} cannot be loaded: {}", module.string(), dlerror()));
  }
  void* function = dlsym(loaded, name);
  if (function == nullptr) {
    refuse_module(module);
  }
  return function;
}

void refuse_module(const fs::path& module) {
  throw UsageError(fmt::format("{} belongs to another version of kexp", module.string()));
}

}  // namespace kexp
