#include "kexp/core/free_memory.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cgroup.hpp"

namespace kexp {

namespace {

namespace fs = std::filesystem;

// The names of one version's files.
struct Files {
  const char* version;
  const char* limit;
  const char* usage;
  const char* droppable;  // A key of memory.stat: file pages not used for a while.
};
constexpr Files kV2 = {"v2", "memory.max", "memory.current", "inactive_file"};
constexpr Files kV1 = {"v1", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

std::optional<std::int64_t> available(const fs::path& root) {
  const std::string meminfo = try_read(root / "proc/meminfo").value_or("");
  for (std::string_view line : split_at(meminfo, '\n')) {
    constexpr std::string_view kKey = "MemAvailable:";
    if (line.starts_with(kKey) && line.ends_with(" kB")) {
      line = line.substr(kKey.size(), line.size() - kKey.size() - 3);
      const auto number = to_number(line.substr(std::min(line.find_first_not_of(' '), line.size())));
      return number ? std::optional(*number * 1024) : std::nullopt;
    }
  }
  return std::nullopt;
}

// v1 says "no limit" by a number that no machine reaches.
constexpr std::int64_t kNoLimit = std::int64_t{1} << 60U;

// What a group's limit leaves; nullopt without a limit ("max" is no number).
std::optional<std::int64_t> left_in(const fs::path& folder, const Files& files) {
  const auto limit = to_number(try_read(folder / files.limit).value_or(""));
  const auto usage = to_number(try_read(folder / files.usage).value_or(""));
  if (!limit || *limit >= kNoLimit || !usage) {
    return std::nullopt;
  }
  const auto droppable = number_of(try_read(folder / "memory.stat").value_or(""), files.droppable);
  const std::int64_t held = std::max<std::int64_t>(*usage - droppable.value_or(0), 0);
  return std::max<std::int64_t>(*limit - held, 0);
}

void keep_less(std::optional<FreeMemory>& least, std::optional<std::int64_t> bytes,
               const std::string& source) {
  if (bytes && (!least || *bytes < least->bytes)) {
    least = FreeMemory{*bytes, source};
  }
}

}  // namespace

std::optional<FreeMemory> read_group_memory(const fs::path& root) {
  std::optional<FreeMemory> least;
  for (const Cgroup& group : find_cgroups(root, "memory")) {
    const Files& files = group.version == CgroupVersion::v2 ? kV2 : kV1;
    keep_less(least, left_in(below(root, group.folder), files),
              fmt::format("cgroup {} {}", files.version, (group.folder / files.limit).string()));
  }
  return least;
}

std::optional<FreeMemory> read_free_memory(const fs::path& root) {
  std::optional<FreeMemory> least = read_group_memory(root);
  keep_less(least, available(root), "MemAvailable");
  return least;
}

}  // namespace kexp
