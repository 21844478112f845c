#include "cgroup.hpp"

#include <algorithm>
#include <charconv>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

namespace kexp {

namespace {

namespace fs = std::filesystem;

struct Mount {
  std::string root;   ///< The control group that the mount point shows.
  std::string point;  ///< Absolute, as the process sees it.
};

bool contains(const std::vector<std::string_view>& parts, std::string_view part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

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

// Of /proc/self/cgroup, "id:controllers:path": the group in the unified hierarchy, or in that of the
// controller.
std::optional<std::string> find_group(std::string_view cgroup, CgroupVersion version,
                                      std::string_view controller) {
  for (const std::string_view line : split_at(cgroup, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) {
      continue;
    }
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool wanted = version == CgroupVersion::v2 ? line.substr(0, first) == "0" && controllers.empty()
                                                     : contains(split_at(controllers, ','), controller);
    if (wanted) {
      return std::string(line.substr(second + 1));
    }
  }
  return std::nullopt;
}

// Of /proc/self/mountinfo, "id parent dev root point options [tags…] - type source superoptions".
std::vector<Mount> find_mounts(std::string_view mountinfo, CgroupVersion version,
                               std::string_view controller) {
  std::vector<Mount> mounts;
  for (const std::string_view line : split_at(mountinfo, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == line.npos) {
      continue;
    }
    const auto front = split_at(line.substr(0, dash), ' ');
    const auto back = split_at(line.substr(dash + 3), ' ');
    if (front.size() < 6 || back.size() < 3) {
      continue;
    }
    const bool wanted = version == CgroupVersion::v2
                            ? back[0] == "cgroup2"
                            : back[0] == "cgroup" && contains(split_at(back[2], ','), controller);
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
  if (strange || !fs::is_directory(below(root, fs::path(mount.point) / relative), ignored)) {
    relative.clear();
  }
  std::vector<fs::path> groups;
  for (; !relative.empty(); relative = relative.parent_path()) {
    groups.push_back(fs::path(mount.point) / relative);
  }
  groups.emplace_back(mount.point);
  return groups;
}

}  // namespace

std::optional<std::string> try_read(const fs::path& file) {
  try {
    return read_file(file);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
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

std::optional<std::int64_t> number_of(std::string_view text, std::string_view key) {
  for (const std::string_view line : split_at(text, '\n')) {
    if (line.starts_with(key) && line.substr(key.size()).starts_with(' ')) {
      return to_number(line.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

fs::path below(const fs::path& root, const fs::path& path) { return root / path.relative_path(); }

std::vector<Cgroup> find_cgroups(const fs::path& root, std::string_view controller) {
  const std::optional<std::string> cgroup = try_read(root / "proc/self/cgroup");
  const std::optional<std::string> mountinfo = try_read(root / "proc/self/mountinfo");
  std::vector<Cgroup> groups;
  if (!cgroup || !mountinfo) {
    return groups;
  }
  for (const CgroupVersion version : {CgroupVersion::v2, CgroupVersion::v1}) {
    const std::optional<std::string> group = find_group(*cgroup, version, controller);
    if (!group) {
      continue;
    }
    for (const Mount& mount : find_mounts(*mountinfo, version, controller)) {
      for (const fs::path& folder : groups_upwards(root, mount, *group)) {
        groups.push_back({version, folder});
      }
    }
  }
  return groups;
}

}  // namespace kexp
