#pragma once

/// Our own metrics, from one table (docs/terms.md), and the HTTP endpoint that shows them with health and
/// readiness. prometheus-cpp and cpp-httplib stay inside.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kexp::telemetry {

enum class MetricType { counter, gauge, histogram };

/// One row of the table: everything that docs/terms.md says of a metric.
struct MetricSpec {
  std::string_view name;  ///< With kexp_ prefix and unit.
  MetricType type;
  std::string_view labels;  ///< Comma-separated, in the order of the values; empty for none.
  std::string_view unit;    ///< "seconds", "bytes", "records", …
  std::string_view help;
  std::span<const double> buckets{};  ///< Upper bounds of a histogram.
};

/// Every metric that kexp can emit, in the order of docs/terms.md.
[[nodiscard]] const std::vector<MetricSpec>& metric_table();

/// The process's metrics: those that it has added, set or observed, and kexp_build_info. What a role never
/// measures is absent, not 0.
///
/// Threads: any; adding is cheap (two hash look-ups), but hot loops keep nothing per record besides these
/// calls.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// `name` as in the table without "kexp_"; `labels` are the values in the table's order.
  /// Errors: std::logic_error for a name, type or number of labels that the table does not have.
  void add(std::string_view name, double amount, const std::vector<std::string>& labels = {});
  void set(std::string_view name, double value, const std::vector<std::string>& labels = {});
  void observe(std::string_view name, double value, const std::vector<std::string>& labels = {});
  /// As `observe` for each value, with one look-up and one lock for all.
  void observe_many(std::string_view name, std::span<const double> values,
                    const std::vector<std::string>& labels = {});
  /// Takes a labelled series away (a partition that is no longer ours).
  void remove(std::string_view name, const std::vector<std::string>& labels);

  /// The exposition text.
  [[nodiscard]] std::string render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct EndpointOptions {
  std::string address = "127.0.0.1";
  int port = 0;                  ///< 0: any free one.
  std::filesystem::path sd_dir;  ///< With a value: <pid>.json is left there for file discovery while we live.
  std::string role;              ///< Label `role` there: "consume".
};

/// /metrics, /healthz (200 while the process works, 503 when `healthy` says no) and /readyz.
class Endpoint {
 public:
  /// `healthy` and `ready` are called per request, from a thread of the endpoint; `why` is the body.
  /// An empty one always says yes.
  struct Check {
    bool ok = true;
    std::string why;
  };
  using Probe = std::function<Check()>;

  /// Errors: UsageError naming --metrics-port when the port is taken, --metrics-address when it cannot be
  /// bound, KEXP_SD_DIR when nothing can be written there. Files that dead processes left there are removed.
  /// Lifetime: `metrics` outlives it.
  Endpoint(const EndpointOptions& options, const Metrics& metrics, Probe healthy, Probe ready);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  [[nodiscard]] int port() const;
  /// Where a Prometheus on this machine finds the metrics: "http://127.0.0.1:9464/metrics".
  [[nodiscard]] std::string url() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Asks the endpoint that another process of this machine has at `address` and `port` (no default here: a
/// port of its own choice is not known) whether that process is healthy. No answer within `timeout` means no.
[[nodiscard]] Endpoint::Check ask_health(const std::string& address, int port,
                                         std::chrono::milliseconds timeout);

}  // namespace kexp::telemetry
