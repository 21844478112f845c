#pragma once

/// Reading one Prometheus over its HTTP API.
///
/// What fails for a while (no connection, 429, 5xx, an answer that is cut off) is tried again, with growing
/// pauses, for about ten seconds, or when the server says (Retry-After). Threads: any.

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
#include "kexp/prom/remote_read.hpp"
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

/// What a server scrapes.
struct Target {
  Labels labels;  ///< As its series have them: job, instance, and what the configuration adds.
  std::optional<std::chrono::milliseconds> scrape_interval;  ///< Servers before 2.28 do not tell.
};

struct Targets {
  std::vector<Target> active;  ///< In the order of their labels.
  std::string refused;         ///< Why the server does not tell; empty where it does.
};

struct Answer;

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

  /// How far the server's clock is ahead of this machine's, to half the time that asking takes; nullopt where
  /// the answer does not tell.
  [[nodiscard]] std::optional<Nanoseconds> clock_ahead(const std::stop_token& stop) const;

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

  /// What the server scrapes at this moment. Relatives of Prometheus may scrape nothing, and servers may keep
  /// it to themselves: what goes wrong is told, not thrown.
  [[nodiscard]] Targets targets(const std::stop_token& stop) const;

  /// How often each job was really scraped in the window: the median distance of the samples of `up`, of the
  /// slowest target of the job. Jobs without two samples are absent.
  [[nodiscard]] std::map<std::string, std::chrono::milliseconds> scrape_intervals(
      const Window& window, const std::stop_token& stop) const;
  /// From the oldest to the newest sample of the server, to a second; nullopt when it has none.
  [[nodiscard]] std::optional<Window> stored(const std::stop_token& stop) const;

  /// How many samples of the metric the server counts from `start_ms` to `end_ms`, both included; marks of an
  /// end are none. `info` is the server's own: what a range includes changed with version 3.
  [[nodiscard]] std::uint64_t count_samples(const MetricQuery& query, std::int64_t start_ms,
                                            std::int64_t end_ms, const ServerInfo& info,
                                            const std::stop_token& stop) const;

  /// Evaluates `expression` on `grid` and hands over each answer, in the order of time: the whole grid in
  /// one, or in halves where the server says that it is too much.
  using OnSeries = std::function<void(std::vector<SeriesSamples>)>;
  void query_range(const std::string& expression, const Grid& grid, const OnSeries& on_series,
                   const std::stop_token& stop) const;

  /// Whether `remote_read` can be used. Servers before 2.13 and relatives of Prometheus may have no such API.
  [[nodiscard]] bool has_remote_read(const std::stop_token& stop) const;
  /// What the server adds to every series that it hands out by remote read, but not by a query; nullopt when
  /// it does not say.
  [[nodiscard]] std::optional<Labels> external_labels(const std::stop_token& stop) const;

  /// Hands every stored sample of the window to `sink`, series by series, as the server sends it. After a
  /// failure in the middle, and where the server has to decode chunks for us, the sink restarts. What the
  /// server finds too much at once is read in stretches of the window.
  ///
  /// Memory: one message of the server (1 MiB unless it was told otherwise) and one part; where the server
  /// decodes, one answer, about 80 MiB at most. Errors: also UsageError for a selector whose matchers cannot
  /// be read; what `sink` throws.
  ReadResult remote_read(const ReadQuery& query, SeriesSink& sink, const std::stop_token& stop) const;

 private:
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  enum class Method { get, post };
  /// Whether a refused connection is tried again: not at the first contact, where it means a wrong address.
  enum class Retry { always, only_after_answers };
  struct Reading;

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
  /// Waits before another attempt. Errors: InterruptedError.
  void wait(const std::string& path, int attempt, const Answer& answer, const std::stop_token& stop) const;

  [[nodiscard]] net::HttpRequest make_read_request(std::string body) const;
  /// One attempt at a whole query. Errors: ReadFailed, ServerMustDecode.
  void read_once(Reading& reading, const std::stop_token& stop) const;
  void read_stretch(Reading& reading, std::int64_t start_ms, std::int64_t end_ms,
                    const std::stop_token& stop) const;

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
