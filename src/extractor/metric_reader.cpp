#include "metric_reader.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "piece_points.hpp"
#include "sample_store.hpp"

namespace kexp::extractor {

namespace {

using std::chrono::milliseconds;

// The bound of a range query is that of memory: about 30 bytes of JSON a sample, here and in the server.
constexpr std::int64_t kMaxSamples = 500'000;

/// Position in the metric, by labels as they are read.
using SeriesIndex = std::unordered_map<std::string_view, std::size_t>;

std::size_t position_of(const SeriesIndex& index, const prom::Labels& labels, const std::string& metric) {
  const std::string key = labels_json(labels);
  const auto found = index.find(key);
  if (found == index.end()) {
    throw FailedError(
        fmt::format("a new series {}{} appeared during the extraction: end the window earlier", metric, key));
  }
  return found->second;
}

/// Of the series of one server. Errors: FailedError where two have the same labels.
SeriesIndex remote_index(const PlannedMetric& metric, std::size_t server) {
  SeriesIndex index;
  for (std::size_t i = 0; i < metric.series.size(); ++i) {
    const PlannedSeries& series = metric.series[i];
    if (series.server == server && !index.emplace(series.read_labels(), i).second) {
      throw FailedError(
          fmt::format("{}{} and another series differ only in the server's external labels: --source query "
                      "tells them apart",
                      metric.name, series.labels));
    }
  }
  return index;
}

bool has_series_on(const PlannedMetric& metric, std::size_t server) {
  return std::any_of(metric.series.begin(), metric.series.end(),
                     [&](const PlannedSeries& series) { return series.server == server; });
}

SeriesRows rows_of(const prom::SeriesPart& part) {
  return {part.ts_ms, part.values, part.ended_ms, part.histograms};
}

/// A series came again, or before one that was to come first.
class OutOfOrder : public std::exception {};

/// Finds the series of each part.
class IndexedSink : public prom::SeriesSink {
 public:
  IndexedSink(const PlannedMetric& metric, std::size_t server)
      : metric_(metric), index_(remote_index(metric, server)) {}

 protected:
  std::size_t series_of(const prom::SeriesPart& part) {
    if (!part.continues) {
      series_ = position_of(index_, part.labels, metric_.name);
    }
    return series_;
  }

 private:
  const PlannedMetric& metric_;
  const SeriesIndex index_;
  std::size_t series_ = 0;
};

/// Writes what comes. Its restart forgets all that the writer has.
class WritingSink final : public IndexedSink {
 public:
  WritingSink(const PlannedMetric& metric, std::size_t server, MetricWriter& writer)
      : IndexedSink(metric, server), writer_(writer) {}

  void restart() override {
    writer_.restart();
    last_ = 0;
  }
  void receive(const prom::SeriesPart& part) override {
    const std::size_t series = series_of(part);
    if (series < last_) {
      throw OutOfOrder();
    }
    last_ = series;
    writer_.add(series, rows_of(part));
  }

 private:
  MetricWriter& writer_;
  std::size_t last_ = 0;
};

class StoringSink final : public IndexedSink {
 public:
  StoringSink(const PlannedMetric& metric, std::size_t server, SampleStore& store)
      : IndexedSink(metric, server), store_(store) {}

  void restart() override { store_.clear(); }
  void receive(const prom::SeriesPart& part) override { store_.append(series_of(part), rows_of(part)); }

 private:
  SampleStore& store_;
};

/// Series of one server that are read by one expression: those with the same lookback.
struct Group {
  std::set<std::string> jobs;
  SeriesIndex series;
};

std::map<milliseconds, Group> groups_of(const PlannedMetric& metric, std::size_t server_index,
                                        const Server& server) {
  std::map<milliseconds, Group> groups;
  for (std::size_t i = 0; i < metric.series.size(); ++i) {
    const PlannedSeries& series = metric.series[i];
    if (series.server == server_index) {
      Group& group = groups[lookback_of(server, series.job)];
      group.jobs.insert(series.job);
      group.series.emplace(series.labels, i);
    }
  }
  return groups;
}

void store_points(SampleStore& store, std::size_t series, const std::vector<prom::Sample>& samples) {
  std::vector<std::int64_t> ts_ms;
  std::vector<double> values;
  for (const prom::Sample& sample : samples) {
    ts_ms.push_back(sample.ts_ms);
    values.push_back(sample.value);
  }
  store.append(series, {ts_ms, values, {}, {}});
}

/// One metric on its way from the servers to its files.
class MetricReading {
 public:
  MetricReading(const Reading& reading, const PlannedMetric& metric, MetricWriter& writer,
                const std::stop_token& stop)
      : reading_(reading), metric_(metric), writer_(writer), stop_(stop) {}

  WrittenMetric run() {
    for (std::size_t server = 0; server < reading_.servers.size(); ++server) {
      if (!has_series_on(metric_, server)) {
        continue;
      }
      if (reading_.servers[server].source == Source::query) {
        query(server);
      } else if (is_begun_ || !write_directly(server)) {
        set_in_order(server);
      }
      is_begun_ = true;
    }
    WrittenMetric written = writer_.finish();
    written.left_out = left_out_;
    return written;
  }

 private:
  /// Whether the series came in their order; when not, nothing was written.
  bool write_directly(std::size_t server) {
    try {
      WritingSink sink(metric_, server, writer_);
      remote_read(server, sink);
      return true;
    } catch (const OutOfOrder&) {
      writer_.restart();
      return false;
    }
  }

  void set_in_order(std::size_t server) {
    SampleStore store(reading_.spool, metric_.series.size());
    StoringSink sink(metric_, server, store);
    remote_read(server, sink);
    write(store);
  }

  void remote_read(std::size_t index, prom::SeriesSink& sink) const {
    const Server& server = reading_.servers[index];
    const prom::ReadQuery query{metric_.name, reading_.selectors, first_ms(reading_.window),
                                unix_ms(reading_.window.end),
                                server.external_labels.value_or(prom::Labels())};
    static_cast<void>(server.client.remote_read(query, sink, stop_));
  }

  void query(std::size_t index) {
    const Server& server = reading_.servers[index];
    const std::map<milliseconds, Group> groups = groups_of(metric_, index, server);
    SampleStore store(reading_.spool, metric_.series.size());
    for (const auto& [lookback, group] : groups) {
      prom::MetricQuery query{metric_.name, reading_.selectors, {}, lookback};
      if (groups.size() > 1) {
        query.jobs.assign(group.jobs.begin(), group.jobs.end());
      }
      const auto most = std::clamp<std::int64_t>(kMaxSamples / static_cast<std::int64_t>(group.series.size()),
                                                 1, reading_.most_points);
      for (const prom::Grid& piece : prom::split(reading_.grid, most)) {
        const PiecePoints points = read_piece(server, query, piece, group.series);
        for (const auto& [series, samples] : points.samples) {
          store_points(store, series, samples);
        }
        left_out_ += points.histograms;
      }
    }
    write(store);
  }

  /// Marks of ends cost a server three times the time, so it is asked about them only where series stop.
  [[nodiscard]] PiecePoints read_piece(const Server& server, const prom::MetricQuery& query,
                                       const prom::Grid& piece, const SeriesIndex& members) const {
    const std::string exactly = prom::sampled_expression(query);
    PiecePoints points = ask(server, prom::recent_expression(query), piece, members);
    for (const prom::Grid& stretch : stops_in(points, piece, query.lookback)) {
      const PiecePoints exact = ask(server, exactly, stretch, members);
      if (exact.histograms > points.histograms) {  // Up to 2.4x they are numbers for last_over_time: 0.
        return ask(server, exactly, piece, members);
      }
      keep_only(points, stretch, exact);
    }
    return points;
  }

  [[nodiscard]] PiecePoints ask(const Server& server, const std::string& expression, const prom::Grid& grid,
                                const SeriesIndex& members) const {
    PiecePoints points;
    const auto keep = [&](std::vector<prom::SeriesSamples> answer) {
      for (prom::SeriesSamples& series : answer) {
        std::vector<prom::Sample>& all = points.samples[position_of(members, series.labels, metric_.name)];
        if (all.empty()) {
          all = std::move(series.samples);
        } else {  // The grid was asked for in halves.
          all.insert(all.end(), series.samples.begin(), series.samples.end());
        }
        points.histograms += series.histograms;
      }
    };
    server.client.query_range(expression, grid, keep, stop_);
    return points;
  }

  void write(const SampleStore& store) {
    for (std::size_t series = 0; series < store.series(); ++series) {
      store.visit(series, [&](const SeriesRows& rows) { writer_.add(series, rows); });
    }
  }

  const Reading& reading_;
  const PlannedMetric& metric_;
  MetricWriter& writer_;
  const std::stop_token& stop_;
  bool is_begun_ = false;
  std::int64_t left_out_ = 0;
};

}  // namespace

WrittenMetric read_metric(const Reading& reading, const PlannedMetric& metric, MetricWriter& writer,
                          const std::stop_token& stop) {
  return MetricReading(reading, metric, writer, stop).run();
}

}  // namespace kexp::extractor
