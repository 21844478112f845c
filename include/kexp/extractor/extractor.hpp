#pragma once

/// The extract job: a window of Prometheus → a dataset (docs/results.md, "metrics/").
///
/// Where the server has remote read, every stored sample is taken as it is. Else, or when a step is asked
/// for, every series is read at the multiples of the step since the Unix epoch. A point has the newest sample
/// before it, when that is not older than one and a half of the scrape intervals of its job and the series
/// was not marked as ended since: no value is repeated into a time that nobody measured.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/json_fwd.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/extractor/energy.hpp"
#include "kexp/extractor/wide.hpp"
#include "kexp/net/http_client.hpp"
#include "kexp/prom/grid.hpp"

namespace kexp::extractor {

struct ExtractorOptions {
  /// Each metric is read from every one; series of the same name stay apart by their `source`.
  std::vector<std::string> servers = {"http://localhost:9090"};
  /// The window, both ends included. What is missing is taken from `run`: from 10 s before its first intended
  /// time to 10 s after the end of its feed and its tracker.
  std::optional<WallTime> start, end;
  std::filesystem::path run;  ///< Run directory to join as `extract`; empty for none.
  /// auto: remote-read where the server has it and no step is asked for, else query.
  std::string source = "auto";
  /// The step of points that are read by range queries; without one 5 s.
  std::optional<double> sampling_s;
  std::vector<std::string>
      matches;  ///< Series selectors; a series of any of them is taken; none: all series.
  /// csv, parquet where this build has it, or legacy: answers to range queries as JSON files, as earlier
  /// tools wrote them.
  std::string format = "csv";
  /// Most seconds that one range query, and with legacy one file, is about; without it 2000 for legacy, else
  /// what a query may have.
  std::optional<int> segment_s;
  std::filesystem::path out;        ///< Empty: `run`/metrics, else metrics-<start>.
  int connections = 2;              ///< Metrics that are read at a time.
  bool verify = false;              ///< Whether the servers count what was to be written.
  bool replace = false;             ///< Whether a dataset that is there already may be replaced.
  std::optional<WideOptions> wide;  ///< One table more; its `dataset` is this one.
};

/// Checks everything that needs neither the run nor a server. Errors: UsageError naming the flag.
void validate(const ExtractorOptions& options);

/// What the job reaches the outside through; all outlive it.
struct ExtractorPorts {
  net::HttpClient& http;
  Clock& clock;
  Log& log;
  Progress& progress;
};

/// A metric of which a server has more or fewer samples than were written.
struct CountDifference {
  std::string metric;
  std::string source;
  std::uint64_t on_server = 0;
  std::uint64_t written = 0;
};
[[nodiscard]] Json to_json(const std::vector<CountDifference>& differences);

struct ExtractorResult {
  std::filesystem::path directory;
  prom::Window window;
  std::uint64_t metrics = 0;
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  std::uint64_t histograms = 0;
  std::uint64_t ends = 0;   ///< Marks of the end of a series.
  std::uint64_t bytes = 0;  ///< Of all files.
  /// What `verify` found; nullopt when it was not asked for.
  std::optional<std::vector<CountDifference>> differences;
  std::optional<Energy> energy;  ///< Of the window; none with legacy, which has no table of series.
};
/// What extract.json has of it: all but differences and energy, which have files of their own.
[[nodiscard]] Json to_json(const ExtractorResult& result);

/// Writes the dataset with its energy, whole or not at all, then the wide table likewise, then joins the run.
/// Metrics that an extraction of the same window, series and settings finished before it was killed,
/// interrupted or failed are not read again; where its dataset was in its place already, only what was left
/// is done.
///
/// Memory: the list of series and their ends; per connection one message of the server (1 MiB), or by range
/// queries one answer of about half a million samples; for Parquet also a row group of a million (24 MiB) and
/// the same packed.
/// Errors: UsageError naming the flag (a dataset is there already, a window in the future, a run without
/// feed …); PrometheusError (exit code unavailable when no Prometheus answers); FailedError when the window
/// holds no sample, with what the server does have, or when a file cannot be written; InterruptedError on a
/// stop. After an error what is finished is left beside the dataset's place, hidden, and the error or a
/// warning says how to go on; nothing is left where nothing was finished.
[[nodiscard]] ExtractorResult run_extractor(const ExtractorOptions& options, const ExtractorPorts& ports,
                                            std::stop_token stop);

}  // namespace kexp::extractor
