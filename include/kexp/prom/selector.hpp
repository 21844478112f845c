#pragma once

/// PromQL text: what the user selects, and the expression that reads one metric on a grid.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace kexp::prom {

/// A series selector: `up`, `{job="kepler"}`, `kafka_lag{topic=~"yolo_.*"}`.
class Selector {
 public:
  /// Errors: UsageError naming `flag`. Only its outer form is checked, the rest is Prometheus'.
  [[nodiscard]] static Selector parse(std::string_view text, std::string_view flag);

  [[nodiscard]] const std::string& text() const { return text_; }
  /// What stands between its braces, the name among it: `__name__="up"`.
  [[nodiscard]] const std::string& matchers() const { return matchers_; }

 private:
  std::string text_;
  std::string matchers_;
};

/// `text` as a PromQL string, with its quotes.
[[nodiscard]] std::string promql_string(std::string_view text);

/// Which series of one metric to read.
struct MetricQuery {
  std::string metric;
  /// A series of any of them is read; none of them: every series of the metric.
  std::vector<Selector> selectors;
  /// Only series of these jobs (an empty text stands for series without a job); none: of all jobs.
  std::vector<std::string> jobs;
  /// A point shows a sample that is at most this old.
  std::chrono::milliseconds lookback{};
};

/// The query's selectors with the metric and the jobs put into each: `{__name__="up",job="kepler"}`.
[[nodiscard]] std::vector<std::string> narrowed_selectors(const MetricQuery& query);

/// The expression whose value at a point in time is the metric's newest sample, if that is not older than
/// the lookback and the series was not marked as ended since.
///
/// A plain selector shows a sample for five minutes: for series without end marks (cAdvisor's, and those of a
/// server that was stopped) that is a tail which nobody measured. Prometheus before version 3 has no
/// parameter against it; so the age is limited within the expression.
[[nodiscard]] std::string sampled_expression(const MetricQuery& query);

/// The same but for the marks: after one, the last sample is shown for as long as the lookback. Costs a
/// server a third.
[[nodiscard]] std::string recent_expression(const MetricQuery& query);

/// The expression whose value is the number of the metric's samples within `range`; each series counts once.
[[nodiscard]] std::string count_expression(const MetricQuery& query, std::chrono::milliseconds range);

}  // namespace kexp::prom
