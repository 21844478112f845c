#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kexp {

enum class CgroupVersion { v1, v2 };

/// A control group that holds this process.
struct Cgroup {
  CgroupVersion version = CgroupVersion::v2;
  std::filesystem::path folder;  ///< As the process sees it, without the test's root.
};

/// The control groups of `controller` ("cpu", "memory") from the process' own up to the root of the
/// hierarchy, those of v2 first. `root` stands for "/": a test hands in a recorded tree.
[[nodiscard]] std::vector<Cgroup> find_cgroups(const std::filesystem::path& root,
                                               std::string_view controller);

/// `path` below the root.
[[nodiscard]] std::filesystem::path below(const std::filesystem::path& root,
                                          const std::filesystem::path& path);
/// The content of a file; nullopt when it cannot be read.
[[nodiscard]] std::optional<std::string> try_read(const std::filesystem::path& file);
/// A whole number with nothing but blanks behind it.
[[nodiscard]] std::optional<std::int64_t> to_number(std::string_view text);
[[nodiscard]] std::vector<std::string_view> split_at(std::string_view text, char separator);
/// The number behind `key` at the beginning of a line: "throttled_usec 7".
[[nodiscard]] std::optional<std::int64_t> number_of(std::string_view text, std::string_view key);

}  // namespace kexp
