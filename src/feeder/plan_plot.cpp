#include "kexp/feeder/plan_plot.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "kexp/core/units.hpp"

namespace kexp::feeder {
namespace {

constexpr std::size_t kLabelWidth = 7;
constexpr std::size_t kMargin = kLabelWidth + 2;  ///< The label, a blank and the axis.
constexpr int kFewestColumns = 32;                ///< Room for the labels of both ends.
constexpr std::size_t kIntervals = 4;             ///< Of the time axis.
constexpr std::size_t kApart = 2;                 ///< Blanks between its labels at least.
constexpr std::size_t kEighths = 8;
constexpr std::array<std::string_view, kEighths + 1> kBars = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::uint64_t kFewImages = 20;
constexpr double kSkewed = 1.1;

/// MB/s planned in each of `columns` equal parts of the run.
std::vector<double> rates(const cycle::Plan& plan, std::size_t columns) {
  const double width_s = plan.duration_s() / static_cast<double>(columns);
  std::vector<double> megabytes(columns);
  for (const cycle::PlannedImage& image : plan.images()) {
    const auto column = static_cast<std::size_t>(static_cast<double>(image.intended_ns) / 1e9 / width_s);
    megabytes[std::min(column, columns - 1)] += static_cast<double>(image.bytes) / 1e6;
  }
  for (double& value : megabytes) {
    value /= width_s;
  }
  return megabytes;
}

/// Three digits.
std::string rate_text(double mbps) {
  return mbps >= 1000 ? fmt::format("{:.0f}", mbps) : fmt::format("{:.3g}", mbps);
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

/// One row of bars, `row` rows above the axis: how many eighths of it each bar fills.
std::string bars(const std::vector<std::size_t>& eighths, std::size_t row) {
  std::string line;
  for (const std::size_t height : eighths) {
    const std::size_t below = row * kEighths;
    line += kBars.at(height <= below ? 0 : std::min(height - below, kEighths));
  }
  return line;
}

/// "2 h" and "30 min" where no smaller unit is in it.
std::string time_text(double s) {
  std::string text = format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(s * 1e9)));
  for (const std::string_view nothing : {" 00 min", " 00 s"}) {
    if (text.ends_with(nothing)) {
      text.erase(text.size() - nothing.size());
    }
  }
  return text;
}

/// Ticks at the ends and the quarters, labelled where there is room; the ends come first.
std::string time_axis(double duration_s, std::size_t columns) {
  const auto column_of = [&](std::size_t tick) { return tick * (columns - 1) / kIntervals; };
  std::string labels(kMargin + columns, ' ');
  for (const std::size_t tick :
       {std::size_t{0}, kIntervals, kIntervals / 2, kIntervals / 4, kIntervals * 3 / 4}) {
    const std::string label = time_text(duration_s * static_cast<double>(tick) / kIntervals);
    const std::size_t middle = kMargin + column_of(tick);
    const std::size_t start = tick == 0            ? middle
                              : tick == kIntervals ? middle + 1 - label.size()
                                                   : middle - label.size() / 2;
    if (labels.substr(start - kApart, label.size() + 2 * kApart).find_first_not_of(' ') ==
        std::string::npos) {
      labels.replace(start, label.size(), label);
    }
  }
  std::string ticks = fmt::format("{:>{}} └", "0", kLabelWidth);
  for (std::size_t column = 0, tick = 0; column < columns; ++column) {
    const bool is_tick = column == column_of(tick);
    ticks += is_tick ? "┬" : "─";
    tick += is_tick ? 1 : 0;
  }
  return ticks + '\n' + without_trailing_blanks(labels) + '\n';
}

}  // namespace

std::string plot(const cycle::Plan& plan, PlotSize size) {
  if (!(plan.duration_s() > 0) || plan.images().empty()) {
    return "";
  }
  const std::size_t columns = static_cast<std::size_t>(std::max(size.columns, kFewestColumns)) - kMargin;
  const auto rows = static_cast<std::size_t>(std::max(size.rows, 1));
  const std::vector<double> mbps = rates(plan, columns);
  const double top = *std::max_element(mbps.begin(), mbps.end());
  const auto eighths_of = [&](double rate) {
    return static_cast<std::size_t>(std::lround(rate / top * static_cast<double>(rows * kEighths)));
  };
  std::vector<std::size_t> eighths;
  for (const double rate : mbps) {
    eighths.push_back(rate > 0 ? std::max<std::size_t>(eighths_of(rate), 1) : 0);  // Little is not nothing.
  }
  const double average = plan.mean_bytes_per_s() / 1e6;
  const std::size_t average_row =
      std::min((std::max<std::size_t>(eighths_of(average), 1) - 1) / kEighths, rows - 1);

  std::string text = fmt::format("{:>{}} ┬ MB/s\n", rate_text(top), kLabelWidth);
  for (std::size_t row = rows; row-- > 0;) {
    const bool is_average = row == average_row;
    text += without_trailing_blanks(fmt::format("{:>{}} {}{}", is_average ? rate_text(average) : "",
                                                kLabelWidth, is_average ? "+" : "│", bars(eighths, row)));
    text += '\n';
  }
  return text + time_axis(plan.duration_s(), columns);
}

std::vector<std::string> warnings(const cycle::Plan& plan) {
  std::vector<std::string> found;
  if (plan.images().empty()) {
    found.emplace_back("the plan holds no image: the whole run's bytes are less than half of the first one");
    return found;
  }
  std::size_t loaded = 0;
  std::size_t coarse = 0;
  std::uint64_t fewest = kFewImages;
  for (const cycle::SegmentTotals& totals : plan.segments()) {
    loaded += totals.segment.fraction > 0 ? 1 : 0;
    if (totals.segment.fraction > 0 && totals.images < kFewImages) {
      coarse += 1;
      fewest = std::min(fewest, totals.images);
    }
  }
  if (coarse > 0) {
    found.push_back(fmt::format(
        "fewer than {} images in {} of the {} segments with a load, the least {}: whole images cannot follow "
        "the curve any closer (quantisation); a higher peak, or fewer and so longer segments, would",
        kFewImages, coarse, loaded, fewest));
  }
  const cycle::PartitionSkew skew = cycle::skew_of(plan.partition_bytes());
  if (skew.most_over_mean > kSkewed) {
    found.push_back(fmt::format("the fullest of {} partitions gets {:.0f} % more bytes than the mean",
                                plan.partition_bytes().size(), (skew.most_over_mean - 1) * 100));
  }
  return found;
}

}  // namespace kexp::feeder
