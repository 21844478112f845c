#include "options.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/net/http_client.hpp"
#include "kexp/table/table.hpp"

#include "dataset_folder.hpp"
#include "dataset_tables.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;

constexpr int kMostConnections = 16;         // Prometheus itself works on 20 queries at a time.
constexpr int kUsualSegment_s = 2000;        // Of files of the legacy format.
constexpr std::int64_t kMaxPoints = 10'000;  // Of a range query; Prometheus' limit is 11,000 a series.

void check_format(const std::string& format) {
  if (format == "parquet") {
    try {
      table::require_parquet();
    } catch (const UsageError& e) {
      throw UsageError(fmt::format("--format parquet: {}", e.what()));
    }
  } else if (format != "csv" && format != kLegacy) {
    throw UsageError(fmt::format("--format must be csv, parquet or legacy, got \"{}\"", format));
  }
}

void check_source(const ExtractorOptions& options) {
  if (options.verify && by_query_only(options)) {
    throw UsageError("--verify counts stored samples, not points: leave out --sampling and --source query");
  }
  if (options.source != "auto" && options.source != "remote-read" && options.source != "query") {
    throw UsageError(fmt::format("--source must be auto, remote-read or query, got \"{}\"", options.source));
  }
  if (options.format == kLegacy && options.source == "remote-read") {
    throw UsageError("--format legacy has answers to range queries: leave out --source remote-read");
  }
  if (options.segment_s && (*options.segment_s < 1 || *options.segment_s > 31'536'000)) {
    throw UsageError(fmt::format("--segment-size must be 1 to 31536000 seconds, got {}", *options.segment_s));
  }
  if (!options.sampling_s) {
    return;
  }
  const double step = *options.sampling_s;
  if (!(step >= 0.001 && step <= 86'400)) {
    throw UsageError(fmt::format("--sampling must be 0.001 to 86400 seconds, got {}", step));
  }
  if (std::abs(step * 1000 - std::round(step * 1000)) > 1e-6) {
    throw UsageError(fmt::format("--sampling must be whole milliseconds, got {} s", step));
  }
  if (options.source == "remote-read") {
    throw UsageError(
        "--sampling asks for points, --source remote-read for every stored sample: leave one out");
  }
}

}  // namespace

std::chrono::milliseconds step_of(const ExtractorOptions& options) {
  return std::chrono::milliseconds(std::llround(options.sampling_s.value_or(kUsualStep_s) * 1000));
}

bool by_query_only(const ExtractorOptions& options) {
  return options.source == "query" || options.sampling_s.has_value() || options.format == kLegacy;
}

std::chrono::seconds segment_of(const ExtractorOptions& options) {
  return std::chrono::seconds(options.segment_s.value_or(kUsualSegment_s));
}

std::int64_t most_points(const ExtractorOptions& options) {
  if (!options.segment_s) {
    return kMaxPoints;
  }
  return std::clamp<std::int64_t>(segment_of(options) / step_of(options), 1, kMaxPoints);
}

std::vector<prom::Selector> selectors_of(const ExtractorOptions& options) {
  std::vector<prom::Selector> selectors;
  for (const std::string& match : options.matches) {
    selectors.push_back(prom::Selector::parse(match, "--match"));
  }
  return selectors;
}

fs::path place_of(const ExtractorOptions& options, const prom::Window& window) {
  if (!options.out.empty()) {
    return options.out;
  }
  if (!options.run.empty()) {
    return options.run / "metrics";
  }
  std::string start = format_utc(window.start);
  std::replace(start.begin(), start.end(), ':', '-');
  return "metrics-" + start;
}

fs::path wide_inside(const ExtractorOptions& options, const fs::path& place) {
  const fs::path inside =
      options.wide ? normal(options.wide->file).lexically_relative(normal(place)) : fs::path();
  return inside.empty() || *inside.begin() == ".." ? fs::path() : inside;
}

void validate(const ExtractorOptions& options) {
  check_source(options);
  if (options.connections < 1 || options.connections > kMostConnections) {
    throw UsageError(fmt::format("--connections (or --n-threads) must be 1 to {}, got {}", kMostConnections,
                                 options.connections));
  }
  check_format(options.format);
  if (options.servers.empty()) {
    throw UsageError("--prometheus needs the URL of a server");
  }
  for (auto url = options.servers.begin(); url != options.servers.end(); ++url) {
    if (std::find(options.servers.begin(), url, *url) != url) {
      throw UsageError(fmt::format("--prometheus {} is given twice", net::printable_url(*url)));
    }
  }
  if (options.run.empty() && !(options.start && options.end)) {
    throw UsageError(
        fmt::format("--{} is missing: give --start and --end, or --run", options.start ? "end" : "start"));
  }
  if (options.start && options.end && *options.start >= *options.end) {
    throw UsageError(fmt::format("--start must be before --end, got {} and {}", format_utc(*options.start),
                                 format_utc(*options.end)));
  }
  static_cast<void>(selectors_of(options));
  if (options.wide && options.format == kLegacy) {
    throw UsageError("--wide needs --format csv or parquet");
  }
  if (options.wide) {  // What is in its way is looked for later: it may be what a killed extraction has left.
    WideOptions wide = *options.wide;
    wide.existing = WideOptions::Existing::accept_same;
    validate(wide);
  }
}

}  // namespace kexp::extractor
