#pragma once

/// Reading one Prometheus over its HTTP API.
///
/// What fails for a while (no connection, 429, 5xx, an answer that is cut off) is tried again, with growing
/// pauses, for about ten seconds. Threads: any.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/log.hpp"
#include "kexp/net/http_client.hpp"
#include "kexp/prom/grid.hpp"
#include "kexp/prom/selector.hpp"

namespace kexp::prom {

/// The server did not answer in time, said no, or is no Prometheus; the message names it and has its words.
class PrometheusError : public Error {
 public:
  PrometheusError(ExitCode code, long status, const std::string& message)
      : Error(code, message), status_(status) {}
  /// The HTTP status; 0 without an answer.
  [[nodiscard]] long status() const noexcept { return status_; }

 private:
  long status_;
};

/// In the order of the names; the metric's own name is not among them.
using Labels = std::map<std::string, std::string>;

struct Sample {
  std::int64_t ts_ms = 0;  ///< Unix time.
  double value = 0;
};

struct SeriesSamples {
  Labels labels;
  std::vector<Sample> samples;  ///< In the order of time.
  /// Points that hold a native histogram instead of a number; they are not among the samples.
  std::int64_t histograms = 0;
};

struct ServerInfo {
  std::string version;
  std::string retention;  ///< As the server words it; empty when it does not say.
};

struct MetricMetadata {
  std::string type;  ///< counter, gauge, histogram, summary, unknown, …
  std::string help;
  std::string unit;
};

class Client {
 public:
  /// `url`: http://host:9090, or with the path that the server lives under. Errors: UsageError naming
  /// --prometheus. Lifetime: `http`, `clock` and `log` outlive the client.
  Client(const std::string& url, net::HttpClient& http, Clock& clock, Log& log);

  /// The URL without a password: the name of this server in what is written.
  [[nodiscard]] const std::string& source() const { return source_; }

  /// The functions below: Errors: PrometheusError, with exit code unavailable when no Prometheus answers;
  /// InterruptedError on a stop.

  [[nodiscard]] ServerInfo server_info(const std::stop_token& stop) const;

  /// Metrics that may have samples in the window, sorted. A server knows it by storage blocks only, so some
  /// may have none.
  [[nodiscard]] std::vector<std::string> metric_names(const Window& window,
                                                      const std::vector<Selector>& selectors,
                                                      const std::stop_token& stop) const;
  /// The metric's series, sorted; likewise.
  [[nodiscard]] std::vector<Labels> series(const std::string& metric, const Window& window,
                                           const std::vector<Selector>& selectors,
                                           const std::stop_token& stop) const;
  /// By metric; of those only that a target shows now.
  [[nodiscard]] std::map<std::string, MetricMetadata> metadata(const std::stop_token& stop) const;

  /// How often each job was really scraped in the window: the median distance of the samples of `up`, of the
  /// slowest target of the job. Jobs without two samples are absent.
  [[nodiscard]] std::map<std::string, std::chrono::milliseconds> scrape_intervals(
      const Window& window, const std::stop_token& stop) const;
  /// From the oldest to the newest sample of the server, to a second; nullopt when it has none.
  [[nodiscard]] std::optional<Window> stored(const std::stop_token& stop) const;

  /// Evaluates `expression` on `grid` and hands over each answer, in the order of time: the whole grid in
  /// one, or in halves where the server says that it is too much.
  using OnSeries = std::function<void(std::vector<SeriesSamples>)>;
  void query_range(const std::string& expression, const Grid& grid, const OnSeries& on_series,
                   const std::stop_token& stop) const;

 private:
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  enum class Method { get, post };
  /// Whether a refused connection is tried again: not at the first contact, where it means a wrong address.
  enum class Retry { always, only_after_answers };
  struct Answer;

  [[nodiscard]] net::HttpRequest make_request(Method method, const std::string& path,
                                              const Parameters& parameters) const;
  [[nodiscard]] Answer ask_once(const net::HttpRequest& request, const std::stop_token& stop) const;
  [[nodiscard]] Answer ask(Method method, const std::string& path, const Parameters& parameters, Retry retry,
                           const std::stop_token& stop) const;
  /// The body of a good answer. Errors: PrometheusError.
  [[nodiscard]] std::string body_of(Method method, const std::string& path, const Parameters& parameters,
                                    const std::stop_token& stop, Retry retry = Retry::always) const;
  /// Reads a body by `parse(body, warnings)`. Errors: PrometheusError when it is not what it should be.
  template <typename Parse>
  auto parsed(const std::string& path, std::string body, const Parse& parse) const;
  [[nodiscard]] PrometheusError failure(const std::string& path, const Answer& answer) const;

  [[nodiscard]] bool has_data(const Window& window, const std::stop_token& stop) const;
  void query_range(const std::string& expression, const Grid& grid, const OnSeries& on_series,
                   int timeouts_left, const std::stop_token& stop) const;

  std::string url_;
  std::string source_;
  net::HttpClient& http_;
  Clock& clock_;
  Log& log_;
};

}  // namespace kexp::prom
