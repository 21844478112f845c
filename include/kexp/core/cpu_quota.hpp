#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace kexp {

/// What the control groups and the affinity mask allow this process, and how often it was
/// throttled.
struct CpuLimits {
  double quota_cpus = 0;  ///< Quota in CPUs; 0 when there is none.
  int affinity_cpus = 1;  ///< CPUs that the scheduler may use.
  std::string source;     ///< "cgroup v2 /sys/fs/cgroup/…/cpu.max", "cgroup v1 …", "none".

  /// What quota and affinity leave: the smaller of them.
  [[nodiscard]] double cpus() const;
  /// Threads that computing may use: max(1, floor(cpus())).
  [[nodiscard]] int threads() const;
};

/// Reads the quota from cgroup v2, then v1, the smallest on the way up to the root of the
/// hierarchy.
///
/// `root` stands for "/": a test hands in a recorded tree with proc/self/cgroup,
/// proc/self/mountinfo and sys/fs/cgroup. Errors: none; what cannot be read limits nothing.
[[nodiscard]] CpuLimits read_cpu_limits(const std::filesystem::path& root = "/");

/// What a quota has done so far, since the cgroup was made.
struct Throttling {
  std::int64_t periods = 0;            ///< In which the process wanted CPU.
  std::int64_t throttled_periods = 0;  ///< Of them, in which the quota ran out.
  std::chrono::nanoseconds throttled{};
};

/// Reads how long the quota has held this process back. Threads: any.
class ThrottleMeter {
 public:
  /// Finds the file that counts it; `root` as for `read_cpu_limits`. Without a quota there is none.
  explicit ThrottleMeter(const std::filesystem::path& root = "/");
  /// Nanoseconds since the cgroup was made; nullopt without a quota.
  [[nodiscard]] std::optional<std::int64_t> read() const;
  /// As `read`, with the periods.
  [[nodiscard]] std::optional<Throttling> read_all() const;

 private:
  std::filesystem::path file_;  ///< Empty: no quota.
  std::string_view key_;
  std::int64_t unit_ns_ = 1;
};

}  // namespace kexp
