#include "kexp/core/cpu_quota.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <sched.h>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

namespace kexp {

namespace {

namespace fs = std::filesystem;

enum class Version { v1, v2 };

struct Mount {
  std::string root;   ///< The control group that the mount point shows.
  std::string point;  ///< Absolute, as the process sees it.
};

/// The group whose quota is the smallest, and where it was found.
struct Quota {
  double cpus = 0;
  Version version = Version::v2;
  fs::path group;  ///< As the process sees it, without the test's root.
};

std::optional<std::string> read_text(const fs::path& file) {
  try {
    return read_file(file);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

bool contains(const std::vector<std::string_view>& parts, std::string_view part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

std::optional<std::int64_t> to_number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

fs::path under(const fs::path& root, const fs::path& path) { return root / path.relative_path(); }

// The kernel writes blank, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// Of /proc/self/cgroup, "id:controllers:path": the group in the unified hierarchy, or in that of `cpu`.
std::optional<std::string> find_group(std::string_view cgroup, Version version) {
  for (const std::string_view line : split(cgroup, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) {
      continue;
    }
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool wanted = version == Version::v2 ? line.substr(0, first) == "0" && controllers.empty()
                                               : contains(split(controllers, ','), "cpu");
    if (wanted) {
      return std::string(line.substr(second + 1));
    }
  }
  return std::nullopt;
}

// Of /proc/self/mountinfo, "id parent dev root point options [tags…] - type source superoptions".
std::vector<Mount> find_mounts(std::string_view mountinfo, Version version) {
  std::vector<Mount> mounts;
  for (const std::string_view line : split(mountinfo, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == line.npos) {
      continue;
    }
    const auto front = split(line.substr(0, dash), ' ');
    const auto back = split(line.substr(dash + 3), ' ');
    if (front.size() < 6 || back.size() < 3) {
      continue;
    }
    const bool wanted = version == Version::v2 ? back[0] == "cgroup2"
                                               : back[0] == "cgroup" && contains(split(back[2], ','), "cpu");
    if (wanted) {
      mounts.push_back({unescape(front[3]), unescape(front[4])});
    }
  }
  return mounts;
}

// Folders from our group up to the mount point, as the process sees them.
std::vector<fs::path> groups_upwards(const fs::path& root, const Mount& mount, const std::string& group) {
  std::string inside;
  if (mount.root == "/") {
    inside = group;
  } else if (group == mount.root || group.starts_with(mount.root + "/")) {
    inside = group.substr(mount.root.size());
  }
  fs::path relative = fs::path(inside).relative_path();
  // A container may see another path than the one that is mounted: then its mount point is its group.
  std::error_code ignored;
  const bool strange =
      std::any_of(relative.begin(), relative.end(), [](const fs::path& p) { return p == ".."; });
  if (strange || !fs::is_directory(under(root, fs::path(mount.point) / relative), ignored)) {
    relative.clear();
  }
  std::vector<fs::path> groups;
  for (; !relative.empty(); relative = relative.parent_path()) {
    groups.push_back(fs::path(mount.point) / relative);
  }
  groups.emplace_back(mount.point);
  return groups;
}

// CPUs that one group may use; nullopt without a limit.
std::optional<double> quota_of(const fs::path& folder, Version version) {
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (version == Version::v2) {
    const std::string text = read_text(folder / "cpu.max").value_or("");  // split() hands out views of it
    const auto words = split(text, ' ');
    if (words.size() == 2) {
      quota = to_number(words[0]);  // "max" is no number
      period = to_number(words[1]);
    }
  } else {
    quota = to_number(read_text(folder / "cpu.cfs_quota_us").value_or(""));  // -1: none
    period = to_number(read_text(folder / "cpu.cfs_period_us").value_or(""));
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<Quota> find_quota(const fs::path& root) {
  const std::optional<std::string> cgroup = read_text(root / "proc/self/cgroup");
  const std::optional<std::string> mountinfo = read_text(root / "proc/self/mountinfo");
  if (!cgroup || !mountinfo) {
    return std::nullopt;
  }
  std::optional<Quota> smallest;
  for (const Version version : {Version::v2, Version::v1}) {
    const std::optional<std::string> group = find_group(*cgroup, version);
    if (!group) {
      continue;
    }
    for (const Mount& mount : find_mounts(*mountinfo, version)) {
      for (const fs::path& folder : groups_upwards(root, mount, *group)) {
        const std::optional<double> cpus = quota_of(under(root, folder), version);
        if (cpus && (!smallest || *cpus < smallest->cpus)) {
          smallest = Quota{*cpus, version, folder};
        }
      }
    }
  }
  return smallest;
}

int count_affinity_cpus() {
  for (std::size_t cpus = 1024; cpus <= (std::size_t{1} << 20U); cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (set == nullptr) {
      break;
    }
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    const bool ok = sched_getaffinity(0, bytes, set) == 0;
    const int count = ok ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (ok) {
      return std::max(1, count);
    }
  }
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

int CpuLimits::threads() const {
  const double cpus = quota_cpus > 0 ? std::min<double>(quota_cpus, affinity_cpus) : affinity_cpus;
  return std::max(1, static_cast<int>(std::floor(cpus)));
}

CpuLimits read_cpu_limits(const fs::path& root) {
  CpuLimits limits;
  limits.affinity_cpus = count_affinity_cpus();
  const std::optional<Quota> quota = find_quota(root);
  if (!quota) {
    limits.source = "none";
    return limits;
  }
  limits.quota_cpus = quota->cpus;
  limits.source = quota->version == Version::v2
                      ? fmt::format("cgroup v2 {}", (quota->group / "cpu.max").string())
                      : fmt::format("cgroup v1 {}", (quota->group / "cpu.cfs_quota_us").string());
  return limits;
}

ThrottleMeter::ThrottleMeter(const fs::path& root) {
  if (const std::optional<Quota> quota = find_quota(root)) {
    file_ = under(root, quota->group) / "cpu.stat";
    key_ = quota->version == Version::v2 ? "throttled_usec " : "throttled_time ";
    unit_ns_ = quota->version == Version::v2 ? 1000 : 1;
  }
}

std::optional<std::int64_t> ThrottleMeter::read() const {
  if (file_.empty()) {
    return std::nullopt;
  }
  const std::string stat = read_text(file_).value_or("");
  for (const std::string_view line : split(stat, '\n')) {
    if (line.starts_with(key_)) {
      const std::optional<std::int64_t> value = to_number(line.substr(key_.size()));
      return value ? std::optional(*value * unit_ns_) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace kexp
