#include "kexp/core/cpu_quota.hpp"

#include <algorithm>
#include <cmath>
#include <sched.h>
#include <unistd.h>

#include <fmt/format.h>

#include "cgroup.hpp"

namespace kexp {

namespace {

namespace fs = std::filesystem;

/// The group whose quota is the smallest.
struct Quota {
  double cpus = 0;
  Cgroup group;
};

// CPUs that one group may use; nullopt without a limit.
std::optional<double> quota_of(const fs::path& folder, CgroupVersion version) {
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (version == CgroupVersion::v2) {
    const std::string text = try_read(folder / "cpu.max").value_or("");  // split_at() hands out views of it
    const auto words = split_at(text, ' ');
    if (words.size() == 2) {
      quota = to_number(words[0]);  // "max" is no number
      period = to_number(words[1]);
    }
  } else {
    quota = to_number(try_read(folder / "cpu.cfs_quota_us").value_or(""));  // -1: none
    period = to_number(try_read(folder / "cpu.cfs_period_us").value_or(""));
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<Quota> find_quota(const fs::path& root) {
  std::optional<Quota> smallest;
  for (const Cgroup& group : find_cgroups(root, "cpu")) {
    const std::optional<double> cpus = quota_of(below(root, group.folder), group.version);
    if (cpus && (!smallest || *cpus < smallest->cpus)) {
      smallest = Quota{*cpus, group};
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

double CpuLimits::cpus() const {
  return quota_cpus > 0 ? std::min<double>(quota_cpus, affinity_cpus) : affinity_cpus;
}

int CpuLimits::threads() const { return std::max(1, static_cast<int>(std::floor(cpus()))); }

CpuLimits read_cpu_limits(const fs::path& root) {
  CpuLimits limits;
  limits.affinity_cpus = count_affinity_cpus();
  const std::optional<Quota> quota = find_quota(root);
  if (!quota) {
    limits.source = "none";
    return limits;
  }
  limits.quota_cpus = quota->cpus;
  limits.source = quota->group.version == CgroupVersion::v2
                      ? fmt::format("cgroup v2 {}", (quota->group.folder / "cpu.max").string())
                      : fmt::format("cgroup v1 {}", (quota->group.folder / "cpu.cfs_quota_us").string());
  return limits;
}

ThrottleMeter::ThrottleMeter(const fs::path& root) {
  if (const std::optional<Quota> quota = find_quota(root)) {
    file_ = below(root, quota->group.folder) / "cpu.stat";
    key_ = quota->group.version == CgroupVersion::v2 ? "throttled_usec" : "throttled_time";
    unit_ns_ = quota->group.version == CgroupVersion::v2 ? 1000 : 1;
  }
}

std::optional<std::int64_t> ThrottleMeter::read() const {
  const std::optional<Throttling> all = read_all();
  return all ? std::optional(all->throttled.count()) : std::nullopt;
}

std::optional<Throttling> ThrottleMeter::read_all() const {
  if (file_.empty()) {
    return std::nullopt;
  }
  const std::string text = try_read(file_).value_or("");
  const std::optional<std::int64_t> throttled = number_of(text, key_);
  if (!throttled) {
    return std::nullopt;
  }
  return Throttling{number_of(text, "nr_periods").value_or(0), number_of(text, "nr_throttled").value_or(0),
                    std::chrono::nanoseconds(*throttled * unit_ns_)};
}

}  // namespace kexp
