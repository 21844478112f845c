#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace kexp {

/// Memory that this process may still take before the machine or one of its control groups has none left.
struct FreeMemory {
  std::int64_t bytes = 0;
  std::string source;  ///< What leaves the least: "MemAvailable", "cgroup v2 /sys/fs/cgroup/…/memory.max", …
};

/// Reads MemAvailable, and what the limits of cgroups v2 and v1 leave on the way up to the root of the
/// hierarchy; file pages that the kernel may drop at once count as free there too.
///
/// `root` stands for "/", as for `read_cpu_limits`. nullopt when nothing can be read.
[[nodiscard]] std::optional<FreeMemory> read_free_memory(const std::filesystem::path& root = "/");

/// The same of the control groups' limits alone; nullopt when no group has one.
[[nodiscard]] std::optional<FreeMemory> read_group_memory(const std::filesystem::path& root = "/");

}  // namespace kexp
