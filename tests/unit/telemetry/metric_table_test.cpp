#include <algorithm>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/file.hpp"
#include "kexp/telemetry/metrics.hpp"

namespace kexp::telemetry {
namespace {

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "";
}

std::string documented(const MetricSpec& spec) {
  std::string row = "| `" + std::string(spec.name) + "` |";
  for (const std::string_view cell : {type_name(spec.type), spec.labels, spec.unit, spec.help}) {
    row += cell.empty() ? " |" : " " + std::string(cell) + " |";
  }
  return row;
}

TEST(MetricTableTest, IsTheOneOfTheDocumentation) {
  std::istringstream terms(read_file(KEXP_SOURCE_DIR "/docs/terms.md"));
  std::vector<std::string> rows;
  for (std::string line; std::getline(terms, line);) {
    if (line.rfind("| `kexp_", 0) == 0) {
      rows.push_back(line);
    }
  }
  std::vector<std::string> wanted;
  std::transform(metric_table().begin(), metric_table().end(), std::back_inserter(wanted), documented);
  EXPECT_THAT(rows, ::testing::ElementsAreArray(wanted))
      << "docs/terms.md, section Metrics, has to hold the rows of "
         "src/telemetry/metric_table.cpp";
}

TEST(MetricTableTest, KeepsToPrometheusNaming) {
  std::set<std::string_view> names;
  for (const MetricSpec& spec : metric_table()) {
    SCOPED_TRACE(spec.name);
    EXPECT_TRUE(names.insert(spec.name).second) << "the same name twice";
    EXPECT_EQ(spec.name.rfind("kexp_", 0), 0U);
    EXPECT_EQ(spec.name.size() >= 6 && spec.name.substr(spec.name.size() - 6) == "_total",
              spec.type == MetricType::counter);
    EXPECT_EQ(spec.unit == "seconds", spec.name.find("seconds") != std::string_view::npos);
    EXPECT_EQ(spec.name.find("millis"), std::string_view::npos);
  }
}

TEST(MetricTableTest, GivesHistogramsRisingBucketsAndOthersNone) {
  for (const MetricSpec& spec : metric_table()) {
    SCOPED_TRACE(spec.name);
    EXPECT_EQ(spec.type == MetricType::histogram, !spec.buckets.empty());
    EXPECT_TRUE(std::is_sorted(spec.buckets.begin(), spec.buckets.end(), std::less_equal<>()));
  }
}

}  // namespace
}  // namespace kexp::telemetry
