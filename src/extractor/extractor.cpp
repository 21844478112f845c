#include "kexp/extractor/extractor.hpp"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/version.hpp"
#include "kexp/extractor/window_time.hpp"
#include "kexp/record/run_directory.hpp"
#include "kexp/table/table.hpp"

#include "dataset_folder.hpp"
#include "dataset_tables.hpp"
#include "journal.hpp"
#include "legacy_writer.hpp"
#include "metric_reader.hpp"
#include "options.hpp"
#include "parallel.hpp"
#include "unmatched.hpp"
#include "verify.hpp"
#include "window.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Nanoseconds kProgressInterval = 5s;
constexpr Nanoseconds kUsualClockError = 5s;  // Where no job is scraped more often.

std::string hash_of(const std::vector<PlannedMetric>& plan) {
  Sha256 hash;
  for (const PlannedMetric& metric : plan) {
    hash.add_u64(metric.series.size());
    hash.add_u64(metric.name.size());
    hash.add(metric.name);
    for (const PlannedSeries& series : metric.series) {
      hash.add_u64(series.server);
      hash.add_u64(series.labels.size());
      hash.add(series.labels);
    }
  }
  return hash.hex();
}

template <typename Value>
Json json_or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

/// One extraction, from the window to the dataset in its place.
class Extraction {
 public:
  Extraction(const ExtractorOptions& options, const ExtractorPorts& ports, std::stop_token stop)
      : options_(options),
        ports_(ports),
        stop_(std::move(stop)),
        selectors_(selectors_of(options)),
        window_(resolve_window(options, ports.log, ports.clock.wall_now())),
        grid_(prom::grid_inside(window_, step_of(options))),
        place_(place_of(options, window_)) {}

  ExtractorResult run() {
    if (const auto folder = DatasetFolder::unfinished_in(place_, request_json())) {
      return finish_killed(*folder);
    }
    check();
    const std::vector<PlannedMetric> plan = find_series();
    announce(plan);
    DatasetFolder folder(place_);
    Journal journal(folder.journal(), folder.path(), identity_json(plan), ports_.log);
    folder.remove_others(journal.files());
    ExtractorResult result;
    try {
      result = fill(folder.path(), plan, journal);
      folder.put_in_place(request_json());
    } catch (const InterruptedError&) {
      throw InterruptedError(fmt::format("extraction interrupted: {}", keep(folder, journal, plan.size())));
    } catch (const std::exception&) {
      ports_.log.warn("extract: {}", keep(folder, journal, plan.size()));
      throw;
    }
    finish(folder, result, Joining::first);
    return result;
  }

 private:
  /// Whether an extraction of the run that was killed has joined it, perhaps.
  enum class Joining { first, again };

  std::vector<PlannedMetric> find_series() {
    try {
      connect();
      return plan_series(servers_, window_, selectors_, options_.connections, stop_);
    } catch (const InterruptedError&) {
      throw InterruptedError("extraction interrupted: nothing was written");
    }
  }

  ExtractorResult fill(const fs::path& folder, const std::vector<PlannedMetric>& plan, Journal& journal) {
    const std::vector<WrittenMetric> written = read_all(plan, folder, journal);
    const std::vector<std::string> unmatched =
        unmatched_selectors(servers_, selectors_, window_, plan, written, stop_);
    const std::optional<std::vector<CountDifference>> differences = verify(plan, written);
    ExtractorResult result =
        describe(folder, {options_, window_, grid_, servers_, plan, written, unmatched, differences});
    if (result.metrics == 0) {
      throw nothing_there();
    }
    for (const std::string& selector : unmatched) {
      ports_.log.warn("extract: match={} has no sample in the window", selector);
    }
    add_energy(folder, result);
    if (const fs::path inside = wide_inside(options_, place_); !inside.empty()) {
      write_wide_table(folder, folder / inside);
    }
    return result;
  }

  void add_energy(const fs::path& folder, ExtractorResult& result) const {
    if (options_.format != kLegacy) {
      result.energy = measure_energy(folder, options_.run);
      write_energy(*result.energy, folder);
    }
  }

  /// What was in its way at first has been refused.
  void write_wide_table(const fs::path& dataset, const fs::path& file) const {
    using Existing = WideOptions::Existing;
    WideOptions wide = *options_.wide;
    wide.dataset = dataset;
    wide.file = file;
    wide.existing = wide.existing == Existing::replace ? Existing::replace : Existing::accept_same;
    const WideResult table = write_wide(wide);
    ports_.log.info("extract: wide={} rows={} columns={}", options_.wide->file.string(), table.rows,
                    table.columns);
  }

  /// Does what an extraction like this one had left to do when it was killed: its dataset is in its place.
  ExtractorResult finish_killed(DatasetFolder& folder) {
    open_run(extracted_elsewhere());
    ports_.log.info("extract: resumed directory={} text=\"the dataset was in its place already\"",
                    place_.string());
    ExtractorResult result = read_description(place_, options_.format);
    add_energy(place_, result);
    finish(folder, result, Joining::again);
    return result;
  }

  /// What goes with a dataset that is in its place.
  void finish(DatasetFolder& folder, ExtractorResult& result, Joining joining) {
    result.directory = place_;
    try {
      if (options_.wide && wide_inside(options_, place_).empty()) {
        write_wide_table(place_, options_.wide->file);
      }
      join_run(result, joining);
    } catch (const std::exception&) {
      ports_.log.warn("extract: the dataset is in {}: the same command does what is left", place_.string());
      throw;
    }
    folder.finish();
    announce_end(result);
  }

  [[nodiscard]] Json settings_json() const {
    Json sources = Json::array();
    for (const std::string& url : options_.servers) {
      sources.push_back(prom::Client(url, ports_.http, ports_.clock, ports_.log).source());
    }
    return {{"prometheus", std::move(sources)},
            {"source", options_.source},
            {"sampling_s", json_or_null(options_.sampling_s)},
            {"match", options_.matches},
            {"format", options_.format},
            {"connections", options_.connections}};
  }

  /// What makes two extractions the same to their user: they are asked for the same dataset. The window of a
  /// run is not told by its times, which may move on while the run ends.
  [[nodiscard]] Json request_json() const {
    const auto time = [](const std::optional<WallTime>& at) { return at ? Json(unix_ns(*at)) : Json(); };
    Json request = settings_json();
    request["run"] = options_.run.empty() ? Json() : Json(normal(options_.run).string());
    request["start_ns"] = time(options_.start);
    request["end_ns"] = time(options_.end);
    request["segment_s"] = json_or_null(options_.segment_s);
    request["verify"] = options_.verify;
    request["replace"] = options_.replace;
    if (const fs::path inside = wide_inside(options_, place_); !inside.empty()) {
      request["wide"] = {{"file", inside.string()}, {"step_ms", options_.wide->step.count()}};
    }
    return request;
  }

  /// What another extraction must have in common with this one to go on where it was cut short.
  [[nodiscard]] Json identity_json(const std::vector<PlannedMetric>& plan) const {
    Json servers = Json::array();
    for (const Server& server : servers_) {
      servers.push_back({{"source", server.client.source()},
                         {"read_by", source_name(server.source)},
                         {"external_labels", external_labels_json(server)}});
    }
    const Json segment_s = options_.format == kLegacy ? Json(segment_of(options_).count()) : Json();
    return {{"kexp_version", version()},      {"format", options_.format},
            {"segment_s", segment_s},         {"start_ns", unix_ns(window_.start)},
            {"end_ns", unix_ns(window_.end)}, {"step_ms", grid_.step_ms},
            {"match", options_.matches},      {"servers", std::move(servers)},
            {"series_sha256", hash_of(plan)}};
  }

  /// Leaves what is finished for the next extraction; says what and how.
  [[nodiscard]] std::string keep(DatasetFolder& folder, const Journal& journal, std::size_t metrics) const {
    if (journal.files().empty()) {
      folder.give_up();
      return "nothing was written";
    }
    folder.keep();
    return fmt::format("{} of {} metrics are kept in {}: the same command with --start {} --end {} goes on",
                       journal.metrics(), metrics, folder.path().string(), format_utc(window_.start),
                       format_utc(window_.end));
  }

  /// What can be known before a server is asked.
  void check() const {
    if (by_query_only(options_)) {
      check_grid();
    }
    DatasetFolder::check_place(place_, options_.replace);
    if (options_.wide) {
      check_wide(*options_.wide);
    }
    open_run(on_disk("read", [&] { return !options_.run.empty() && fs::exists(role_file()); }));
  }

  void check_wide(const WideOptions& wide) const {
    validate(wide);
    if (prom::grid_inside(window_, wide.step).count == 0) {
      throw UsageError(
          fmt::format("--step {:g}s has no point from {} to {}: make the window longer or the step smaller",
                      seconds(wide.step), format_utc(window_.start), format_utc(window_.end)));
    }
  }

  void open_run(bool was_extracted) const {
    if (options_.run.empty()) {
      return;
    }
    static_cast<void>(record::RunDirectory::open(options_.run));
    if (was_extracted && !options_.replace) {
      throw UsageError(
          fmt::format("--run {} was extracted already: --force does it again", options_.run.string()));
    }
    ports_.log.copy_to(options_.run / "log");
  }

  /// Whether the run has an extraction that came to its end, with another dataset than this one.
  [[nodiscard]] bool extracted_elsewhere() const {
    const Json end = options_.run.empty() ? Json() : record::last_event(options_.run, "extract", "finished");
    return !end.is_null() && normal(end.value("directory", "")) != normal(place_);
  }

  void check_grid() const {
    if (grid_.count == 0) {
      throw UsageError(
          fmt::format("--sampling {} has no point from {} to {}: make the window longer or the step smaller",
                      seconds(step_of(options_)), format_utc(window_.start), format_utc(window_.end)));
    }
  }

  [[nodiscard]] fs::path role_file() const { return options_.run / "extract.json"; }

  void connect() {
    for (const std::string& url : options_.servers) {
      prom::Client client(url, ports_.http, ports_.clock, ports_.log);
      if (std::any_of(servers_.begin(), servers_.end(),
                      [&](const Server& one) { return one.client.source() == client.source(); })) {
        throw UsageError(fmt::format("--prometheus {} is given twice", client.source()));
      }
      Server& server = servers_.emplace_back(Server{std::move(client), Source::query, {}, {}, {}, {}, {}});
      server.info = server.client.server_info(stop_);
      choose_source(server);
      server.external_labels = server.client.external_labels(stop_);
      server.scrape_intervals = server.client.scrape_intervals(window_, stop_);
      server.metadata = server.client.metadata(stop_);
      server.targets = server.client.targets(stop_);
      if (!server.targets.refused.empty()) {
        ports_.log.warn("extract: server={} does not tell its targets: {}", server.client.source(),
                        server.targets.refused);
      }
      compare_clocks(server);
    }
  }

  void choose_source(Server& server) const {
    const std::string& name = server.client.source();
    if (!by_query_only(options_) && server.client.has_remote_read(stop_)) {
      server.source = Source::remote_read;
      return;
    }
    if (options_.source == "remote-read") {
      throw FailedError(fmt::format("{} has no remote read: --source query asks it for points", name));
    }
    if (options_.verify) {
      throw FailedError(fmt::format("--verify counts stored samples, and {} has no remote read", name));
    }
    if (!by_query_only(options_)) {
      ports_.log.warn("extract: server={} has no remote read: it is asked for points every {} s", name,
                      kUsualStep_s);
    }
    check_grid();
  }

  /// Times of the window are by this machine's clock, those of samples by the server's.
  void compare_clocks(const Server& server) const {
    Nanoseconds limit = kUsualClockError;
    for (const auto& [job, interval] : server.scrape_intervals) {
      limit = std::min<Nanoseconds>(limit, interval);
    }
    const std::optional<Nanoseconds> ahead = server.client.clock_ahead(stop_);
    if (ahead && std::chrono::abs(*ahead) > limit) {
      ports_.log.warn(
          "extract: server={} clock_ahead_s={:.1f}: a window by this machine's clock misses as much",
          server.client.source(), seconds(*ahead));
    }
  }

  void announce(const std::vector<PlannedMetric>& plan) {
    std::int64_t series = 0;
    for (const PlannedMetric& metric : plan) {
      series += static_cast<std::int64_t>(metric.series.size());
    }
    ports_.progress.report({"extract",
                            "started",
                            {{"start", format_utc(window_.start)},
                             {"end", format_utc(window_.end)},
                             {"start_here", format_local(window_.start)},
                             {"end_here", format_local(window_.end)},
                             {"metrics", static_cast<std::int64_t>(plan.size())},
                             {"series", series}}});
  }

  std::vector<WrittenMetric> read_all(const std::vector<PlannedMetric>& plan, const fs::path& folder,
                                      Journal& journal) {
    std::vector<WrittenMetric> written(plan.size());
    next_progress_ = ports_.clock.now() + kProgressInterval;
    if (journal.metrics() > 0) {
      ports_.log.info("extract: resumed metrics_done={} metrics={}", journal.metrics(), plan.size());
    }
    const Reading reading{servers_, selectors_, window_, grid_, most_points(options_), folder};
    parallel_for(plan.size(), options_.connections, stop_, [&](std::size_t i, const std::stop_token& stop) {
      if (const WrittenMetric* finished = journal.find(plan[i].name)) {
        written[i] = *finished;
      } else {
        written[i] = read_metric(reading, plan[i], *make_writer_of(plan[i], folder), stop);
        journal.add(plan[i].name, written[i]);
      }
      if (written[i].left_out > 0) {
        ports_.log.warn(
            "extract: metric={} left_out={} native histograms are no points: remote read has them",
            plan[i].name, written[i].left_out);
      }
      show_progress(plan.size(), written[i].samples);
    });
    return written;
  }

  [[nodiscard]] std::unique_ptr<MetricWriter> make_writer_of(const PlannedMetric& metric,
                                                             const fs::path& folder) const {
    if (options_.format == kLegacy) {
      return std::make_unique<LegacyWriter>(folder, metric, window_, segment_of(options_));
    }
    return std::make_unique<TableWriter>(folder, options_.format, metric);
  }

  [[nodiscard]] std::optional<std::vector<CountDifference>> verify(
      const std::vector<PlannedMetric>& plan, const std::vector<WrittenMetric>& written) const {
    if (!options_.verify) {
      return std::nullopt;
    }
    return count_differences(servers_, selectors_, window_, plan, written, options_.connections, stop_);
  }

  void show_progress(std::size_t metrics, std::uint64_t samples) {
    const std::lock_guard lock(mutex_);
    metrics_done_ += 1;
    samples_done_ += static_cast<std::int64_t>(samples);
    if (ports_.clock.now() < next_progress_) {
      return;
    }
    next_progress_ = ports_.clock.now() + kProgressInterval;
    ports_.progress.report({"extract",
                            "progress",
                            {{"metrics_done", metrics_done_},
                             {"metrics", static_cast<std::int64_t>(metrics)},
                             {"samples", samples_done_}}});
  }

  void announce_end(const ExtractorResult& result) {
    ports_.progress.report({"extract",
                            "finished",
                            {{"directory", place_.string()},
                             {"metrics", static_cast<std::int64_t>(result.metrics)},
                             {"series", static_cast<std::int64_t>(result.series)},
                             {"samples", static_cast<std::int64_t>(result.samples)}}});
  }

  /// What is likely when the window misses all that a server has by no more than the zone of this machine.
  [[nodiscard]] std::string zone_hint(const prom::Window& stored) const {
    const auto reaches = [&](Nanoseconds shift) {
      return window_.start + shift <= stored.end && window_.end + shift >= stored.start;
    };
    const Nanoseconds offset = local_offset(window_.start);
    if (reaches(0s) || offset == 0s) {
      return "";
    }
    if (reaches(offset)) {
      return "; as UTC the same clock times would reach them: a time without a zone is local, with a Z it is "
             "UTC";
    }
    return reaches(-offset) ? "; as local time the same clock times would reach them: a time with a Z is "
                              "UTC, without one local"
                            : "";
  }

  [[nodiscard]] FailedError nothing_there() const {
    std::string text =
        fmt::format("no sample from {} to {} (here {} to {})", format_utc(window_.start),
                    format_utc(window_.end), format_local(window_.start), format_local(window_.end));
    for (const std::string& match : options_.matches) {
      text += fmt::format("{}{}", &match == &options_.matches.front() ? " of " : " or ", match);
    }
    for (const Server& server : servers_) {
      const std::optional<prom::Window> stored = server.client.stored(stop_);
      text += stored ? fmt::format("; {} has samples from {} to {}", server.client.source(),
                                   format_utc(stored->start), format_utc(stored->end))
                     : fmt::format("; {} has no samples at all", server.client.source());
      if (!server.info.retention.empty()) {
        text += fmt::format(" (retention {})", server.info.retention);
      }
      if (stored) {
        text += zone_hint(*stored);
      }
    }
    return FailedError(text);
  }

  // The run is joined by a dataset that is complete and in its place: an extraction that failed may be tried
  // again, and what the last one left is kept until then.
  void join_run(const ExtractorResult& result, Joining joining) const {
    if (options_.run.empty()) {
      return;
    }
    Json fields = to_json(result);
    fields["directory"] = normal(place_).string();  // Whoever reads it may be in another folder.
    if (options_.replace) {
      on_disk("remove", [&] { return fs::remove(role_file()); });
    }
    using record::RunDirectory;
    const WallTime now = ports_.clock.wall_now();
    const Json settings = settings_json();
    auto run = joining == Joining::again
                   ? RunDirectory::join_again(options_.run, "extract", settings, now, stop_)
                   : RunDirectory::join(options_.run, "extract", settings, now, stop_);
    run.append("finished", fields, ports_.clock.wall_now());
    static_cast<void>(record::derive(options_.run));
  }

  const ExtractorOptions& options_;
  const ExtractorPorts& ports_;
  const std::stop_token stop_;
  const std::vector<prom::Selector> selectors_;
  const prom::Window window_;
  const prom::Grid grid_;
  const fs::path place_;
  std::vector<Server> servers_;

  std::mutex mutex_;
  std::int64_t metrics_done_ = 0;  // Guarded by mutex_, as the two below.
  std::int64_t samples_done_ = 0;
  SteadyTime next_progress_{};
};

}  // namespace

ExtractorResult run_extractor(const ExtractorOptions& options, const ExtractorPorts& ports,
                              std::stop_token stop) {
  validate(options);
  return Extraction(options, ports, std::move(stop)).run();
}

}  // namespace kexp::extractor
