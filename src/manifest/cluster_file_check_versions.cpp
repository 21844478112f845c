/// Versions that are known to work together, and those that are known not to. Each project's support matrix,
/// as published by November 2026.

#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "cluster_file_check.hpp"

namespace kexp::manifest {
namespace {

struct Version {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const Version&) const = default;
};

/// nullopt for what is no version; such a field has an error of its own.
std::optional<Version> parse_version(const std::string& text) {
  std::array<int, 3> numbers{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int& number : numbers) {
    const auto [stop, error] = std::from_chars(at, end, number);
    if (error != std::errc{}) {
      return std::nullopt;
    }
    at = stop == end ? stop : stop + 1;
    if (stop == end) {
      break;
    }
  }
  return at == end ? std::optional(Version{numbers[0], numbers[1], numbers[2]}) : std::nullopt;
}

/// The minor versions of Kubernetes 1 that a series of a component is tested with.
struct Support {
  const char* field;
  const char* component;
  int major;
  int minor;
  int oldest;
  int newest;
};

constexpr int kAnyNewer = 999;
constexpr std::array kSupport = {
    Support{"versions.calico", "Calico", 3, 33, 35, 37},
    Support{"versions.calico", "Calico", 3, 32, 34, 36},
    Support{"versions.calico", "Calico", 3, 31, 32, 35},
    Support{"versions.kube_prometheus", "kube-prometheus", 0, 18, 33, 36},
    Support{"versions.kube_prometheus", "kube-prometheus", 0, 17, 33, 35},
    Support{"versions.metrics_server", "metrics-server", 0, 9, 34, kAnyNewer},
    Support{"versions.metrics_server", "metrics-server", 0, 8, 31, kAnyNewer},
    Support{"versions.keda", "KEDA", 2, 21, 34, 36},
};

std::string range_text(const Support& support) {
  return support.newest == kAnyNewer ? fmt::format("1.{} and newer", support.oldest)
                                     : fmt::format("1.{} to 1.{}", support.oldest, support.newest);
}

void check_support(const std::string& field, const std::string& text, const Version& kubernetes,
                   Findings& findings) {
  const std::optional<Version> version = parse_version(text);
  if (!version) {
    return;
  }
  const Support* newest = nullptr;
  for (const Support& support : kSupport) {
    if (field != support.field) {
      continue;
    }
    if (newest == nullptr) {
      newest = &support;
    }
    if (support.major == version->major && support.minor == version->minor) {
      if (kubernetes.minor < support.oldest || kubernetes.minor > support.newest) {
        findings.warning(
            field, {"versions.kubernetes"},
            fmt::format("{} {} is tested with Kubernetes {}, not with {}.{}: change one of them",
                        support.component, text, range_text(support), kubernetes.major, kubernetes.minor));
      }
      return;
    }
  }
  findings.warning(
      field, {},
      fmt::format("{} {} is not among the versions that kexp's patches were made for: take {}.{}, or look "
                  "at what they patch",
                  newest->component, text, newest->major, newest->minor));
}

void check_kubernetes(const std::string& text, const Version& version, Findings& findings) {
  if (version.major != 1 || version.minor < 35) {
    const bool old_kubeadm = version < Version{1, 31, 0};
    const std::string why = old_kubeadm ? "its kubeadm does not know v1beta4, which is written"
                                        : "it gets no fixes any more, 1.35 is the oldest that does";
    const std::string message = fmt::format("{}: {}; take 1.36.4", text, why);
    old_kubeadm ? findings.error("versions.kubernetes", {}, message)
                : findings.warning("versions.kubernetes", {}, message);
  } else if (version.minor > 37) {
    findings.warning(
        "versions.kubernetes", {},
        fmt::format("{} is newer than what kexp knows: take 1.36.4, which everything here supports", text));
  }
}

void check_containerd(const std::string& text, Findings& findings) {
  const std::optional<Version> version = parse_version(text);
  if (!version) {
    return;
  }
  if (version->major < 2) {
    findings.error(
        "versions.containerd", {},
        fmt::format("{} is refused by Kubernetes 1.36, and reads another configuration than is written: take "
                    "\"2.3\", which gets fixes until April 2028",
                    text));
  } else if (*version < Version{2, 3, 0}) {
    findings.warning(
        "versions.containerd", {},
        fmt::format("{} gets no fixes any more: take \"2.3\", which gets them until April 2028", text));
  }
}

void check_kepler(const ClusterFile& cluster, Findings& findings) {
  const std::string& text = cluster.versions.kepler;
  const std::optional<Version> version = parse_version(text);
  if (!cluster.kepler.enabled || !version) {
    return;
  }
  const char* field = "versions.kepler";
  if (*version < Version{0, 10, 0}) {
    findings.error(
        field, {"kepler.enabled"},
        fmt::format("Kepler {} has other flags, ports and metrics than what is written (0.10 was a rewrite), "
                    "and estimates where it cannot measure: take 0.13.0",
                    text));
  } else if (*version < Version{0, 12, 0}) {
    findings.error(
        field, {"kepler.enabled"},
        fmt::format("Kepler {} reckons a pod's energy with the CPU share of the interval before (mended in "
                    "0.12): take 0.13.0",
                    text));
  } else if (*version < Version{0, 13, 0} && !cluster.kepler.privileged) {
    findings.warning(
        field, {"kepler.enabled", "kepler.privileged"},
        fmt::format("Kepler {} was made to run privileged, 0.13.0 is the first that is not: take that, or "
                    "set kepler.privileged to true",
                    text));
  }
}

void check_broker(const ClusterFile& cluster, Findings& findings) {
  const std::optional<Version> version = parse_version(cluster.versions.kafka);
  if (cluster.kafka.servers.empty() && version && *version < Version{3, 7, 0}) {
    findings.error("versions.kafka", {"kafka.servers"},
                   fmt::format("there is no image apache/kafka of {}, the first is 3.7.0: take 4.3.1",
                               cluster.versions.kafka));
  }
}

void check_own_cluster(const ClusterFile& cluster, Findings& findings) {
  const Versions& versions = cluster.versions;
  check_containerd(versions.containerd, findings);
  const std::optional<Version> kubernetes = parse_version(versions.kubernetes);
  if (!kubernetes) {
    return;
  }
  check_kubernetes(versions.kubernetes, *kubernetes, findings);
  check_support("versions.calico", versions.calico, *kubernetes, findings);
  check_support("versions.kube_prometheus", versions.kube_prometheus, *kubernetes, findings);
  check_support("versions.metrics_server", versions.metrics_server, *kubernetes, findings);
  if (cluster.scaler.kind == Scaler::Kind::keda) {
    check_support("versions.keda", versions.keda, *kubernetes, findings);
  }
}

}  // namespace

void check_versions(const ClusterFile& cluster, Findings& findings) {
  if (cluster.existing.empty()) {
    check_own_cluster(cluster, findings);
  }
  check_kepler(cluster, findings);
  check_broker(cluster, findings);
}

}  // namespace kexp::manifest
