#include "patterns_output.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"

namespace kexp::extractor {

namespace {

constexpr std::size_t kRowsOfTable = 30;

double in_seconds(std::chrono::milliseconds time) { return std::chrono::duration<double>(time).count(); }

std::size_t count(const Patterns& patterns, PatternState state) {
  return static_cast<std::size_t>(std::count_if(patterns.rows.begin(), patterns.rows.end(),
                                                [&](const Pattern& row) { return row.state == state; }));
}

/// {"pod":"a","zone":"b"} → pod=a zone=b, cut where a line of a terminal would end.
std::string short_labels(const Pattern& row) {
  constexpr std::size_t kMost = 80;
  std::string text;
  const Json labels = parse_json(row.labels, "labels of a series");
  for (const auto& [name, value] : labels.items()) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value.get<std::string>());
  }
  return text.size() <= kMost ? text : text.substr(0, kMost) + "…";
}

const char* suffix_of(const Pattern& row) {
  return row.looked_at == LookedAt::value ? "" : row.looked_at == LookedAt::rate ? " (rate)" : " (mean)";
}

bool is_bucket_or_sum(const Pattern& row) {
  return row.looked_at == LookedAt::rate && (row.metric.ends_with("_bucket") || row.metric.ends_with("_sum"));
}

/// The same for all parts of a histogram, and for its mean.
std::string histogram_of(const Pattern& row) {
  std::string name = row.metric;
  for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
    if (row.looked_at == LookedAt::rate && name.ends_with(part)) {
      name.resize(name.size() - part.size());
      break;
    }
  }
  Json labels = parse_json(row.labels, "labels of a series");
  labels.erase("le");
  return fmt::format("{} {} {}", row.source, name, labels.dump());
}

/// Those of `moved` that a person wants to see: one histogram has many buckets, which all move as its rate.
std::vector<Pattern> shown_of(std::span<const Pattern> moved) {
  std::set<std::string> told;
  for (const Pattern& row : moved) {
    if (row.looked_at != LookedAt::value && !is_bucket_or_sum(row)) {
      told.insert(histogram_of(row));
    }
  }
  std::vector<Pattern> shown;
  std::copy_if(moved.begin(), moved.end(), std::back_inserter(shown), [&](const Pattern& row) {
    return !is_bucket_or_sum(row) || told.insert(histogram_of(row)).second;
  });
  return shown;
}

}  // namespace

void write_patterns(const Patterns& patterns) {
  std::string csv = "metric,series_id,source,labels,looked_at,state,rho,lag_s,p,q\n";
  for (const Pattern& row : patterns.rows) {
    csv += row.was_tested()
               ? csv_line(row.metric, row.series_id, row.source, row.labels, to_text(row.looked_at),
                          to_text(row.state), row.rho, in_seconds(row.lag), row.p, row.q)
               : csv_line(row.metric, row.series_id, row.source, row.labels, to_text(row.looked_at),
                          to_text(row.state), "", "", "", "");
  }
  write_file_atomically(patterns.file, csv);
}

Json to_json(const Patterns& patterns) {
  Json moved = Json::array();
  for (const Pattern& row : patterns.rows) {
    if (row.state == PatternState::moved) {
      moved.push_back({{"metric", row.metric},
                       {"series_id", row.series_id},
                       {"source", row.source},
                       {"labels", parse_json(row.labels, "labels of a series")},
                       {"looked_at", to_text(row.looked_at)},
                       {"rho", row.rho},
                       {"lag_s", in_seconds(row.lag)},
                       {"p", row.p},
                       {"q", row.q}});
    }
  }
  return {{"file", patterns.file.string()},
          {"step_s", in_seconds(patterns.step)},
          {"max_lag_s", in_seconds(patterns.max_lag)},
          {"points", patterns.points},
          {"alpha", patterns.alpha},
          {"counts",
           {{"moved", count(patterns, PatternState::moved)},
            {"not_shown", count(patterns, PatternState::not_shown)},
            {"flat", count(patterns, PatternState::flat)},
            {"gaps", count(patterns, PatternState::gaps)},
            {"reset", count(patterns, PatternState::reset)}}},
          {"moved", std::move(moved)}};
}

std::string to_table(const Patterns& patterns) {
  std::string text = fmt::format("{:>7} {:>7} {:>9}  series\n", "rho", "lag", "q");
  const std::size_t moved = count(patterns, PatternState::moved);
  const std::vector<Pattern> shown = shown_of(std::span(patterns.rows).first(moved));
  for (std::size_t i = 0; i < std::min(shown.size(), kRowsOfTable); ++i) {
    const Pattern& row = shown[i];
    text += fmt::format("{:>7.3f} {:>5.0f} s {:>9.2g}  {}{} {}\n", row.rho, in_seconds(row.lag), row.q,
                        row.metric, suffix_of(row), short_labels(row));
  }
  if (shown.size() > kRowsOfTable) {
    text += fmt::format("and {} more\n", shown.size() - kRowsOfTable);
  }
  if (shown.size() < moved) {
    text += fmt::format("left out here: {} buckets and sums of histograms\n", moved - shown.size());
  }
  return text +
         fmt::format(
             "{} moved with the load, {} did not show it; not looked at: {} flat, {} with gaps, {} "
             "counters that began again\n{} points of {:g} s, lags up to {:g} s, at most {:g} % false; "
             "all in {}\n",
             moved, count(patterns, PatternState::not_shown), count(patterns, PatternState::flat),
             count(patterns, PatternState::gaps), count(patterns, PatternState::reset), patterns.points,
             in_seconds(patterns.step), in_seconds(patterns.max_lag), patterns.alpha * 100,
             patterns.file.string());
}

}  // namespace kexp::extractor
