#include "kexp/cycle/load_curve.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

#include "load_file.hpp"

namespace kexp::cycle {
namespace {

constexpr int kLinearSteps = 24;
constexpr double kLongestRun = 366.0 * 86400;
constexpr std::string_view kStepsPrefix = "steps:";
constexpr std::string_view kCsvPrefix = "csv:";

/// One day of a profile, stretched to the breakpoints.
std::vector<double> day_of(const CurveOptions& options) {
  if (options.profile == "linear") {
    std::vector<double> ramp;
    for (int k = 1; k <= kLinearSteps; ++k) {
      ramp.push_back(static_cast<double>(k) / kLinearSteps);
    }
    return ramp;
  }
  return day_profile();
}

std::vector<double> fractions(const CurveOptions& options) {
  const std::vector<double> day = day_of(options);
  std::vector<double> all;
  if (options.curve == Curve::legacy) {
    for (int cycle = 0; cycle < options.n_cycles; ++cycle) {
      all.insert(all.end(), day.begin(), day.end());
    }
    return stretch(all, options.breakpoints);
  }
  const std::vector<double> stretched = stretch(day, options.breakpoints);
  for (int cycle = 0; cycle < options.n_cycles; ++cycle) {
    all.insert(all.end(), stretched.begin(), stretched.end());
  }
  return all;
}

bool is_file_profile(const std::string& profile) {
  return profile.rfind(kStepsPrefix, 0) == 0 || profile.rfind(kCsvPrefix, 0) == 0;
}

std::vector<Segment> read_file_profile(const CurveOptions& options) {
  if (options.profile.rfind(kStepsPrefix, 0) == 0) {
    return read_steps(options.profile.substr(kStepsPrefix.size()));
  }
  return read_step_function(options.profile.substr(kCsvPrefix.size()), options.duration_s);
}

/// Later times would not fit into whole nanoseconds.
void require_length(const CurveOptions& options, const std::vector<Segment>& segments) {
  const double end_s = segments.back().start_s + segments.back().duration_s;
  if (!(end_s <= kLongestRun)) {
    throw UsageError(
        fmt::format("--profile {} lasts {} s, a run at most {}", options.profile, end_s, kLongestRun));
  }
}

}  // namespace

const std::vector<double>& day_profile() {
  static const std::vector<double> kProfile = {.03, .06,   .09,  .12,  .266, .412, .558, .704,
                                               .85, .7625, .675, .587, .5,   .59,  .68,  .77,
                                               .86, .97,   .813, .656, .5,   .343, .186, .03};
  return kProfile;
}

std::vector<double> stretch(const std::vector<double>& values, int count) {
  std::vector<double> result;
  result.reserve(static_cast<std::size_t>(count));
  const double last = static_cast<double>(values.size() - 1);
  for (int k = 0; k < count; ++k) {
    const double x = count == 1 ? 0.0 : static_cast<double>(k) * last / static_cast<double>(count - 1);
    const auto i = std::min(static_cast<std::size_t>(x), values.size() - 1);
    const double next = i + 1 < values.size() ? values[i + 1] : values[i];
    result.push_back(values[i] + (x - static_cast<double>(i)) * (next - values[i]));
  }
  return result;
}

void validate(const CurveOptions& options) {
  constexpr std::array kProfiles = {"daynight", "linear", "constant", "burst"};
  if (!is_file_profile(options.profile) &&
      std::find(kProfiles.begin(), kProfiles.end(), options.profile) == kProfiles.end()) {
    throw UsageError(
        fmt::format("--profile must be daynight, linear, constant, burst, steps:FILE or csv:FILE, got \"{}\"",
                    options.profile));
  }
  if (!(options.duration_s > 0) || options.duration_s > kLongestRun) {
    throw UsageError(fmt::format("--duration must be above 0 and at most {} seconds, got {}", kLongestRun,
                                 options.duration_s));
  }
  if (options.breakpoints < 1 || options.breakpoints > 1'000'000) {
    throw UsageError(fmt::format("--breakpoints must be 1 to 1000000, got {}", options.breakpoints));
  }
  if (options.breakpoints == 1 && (options.profile == "daynight" || options.profile == "linear")) {
    throw UsageError(fmt::format(
        "--breakpoints 1 would leave of --profile {} its first hour alone: give 2 or more", options.profile));
  }
  if (options.n_cycles < 1 || options.n_cycles > 10'000) {
    throw UsageError(fmt::format("--n-cycles must be 1 to 10000, got {}", options.n_cycles));
  }
}

void read_profile(CurveOptions& options) {
  if (is_file_profile(options.profile)) {
    options.read_segments = make_segments(options);
  } else {
    validate(options);
  }
}

std::vector<Segment> make_segments(const CurveOptions& options) {
  validate(options);
  if (options.profile == "burst") {
    return {};
  }
  if (is_file_profile(options.profile)) {
    std::vector<Segment> segments =
        options.read_segments.empty() ? read_file_profile(options) : options.read_segments;
    require_length(options, segments);
    return segments;
  }
  if (options.profile == "constant") {
    return {{0, options.duration_s, 1}};
  }
  const std::vector<double> values = fractions(options);
  const double sliver = options.duration_s / static_cast<double>(values.size());
  std::vector<Segment> segments;
  segments.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    segments.push_back({static_cast<double>(i) * sliver, sliver, values[i]});
  }
  return segments;
}

CumulativeLoad::CumulativeLoad(const std::vector<Segment>& segments, double peak) {
  pieces_.reserve(segments.size());
  for (const Segment& segment : segments) {
    const double rate = segment.fraction * peak;
    pieces_.push_back({segment.start_s, segment.duration_s, rate, total_});
    total_ += rate * segment.duration_s;
  }
}

double CumulativeLoad::Piece::inverse(double amount) const {
  if (rate <= 0) {
    return start_s + duration_s;  // Only at the very end of the run.
  }
  return start_s + std::min((amount - before) / rate, duration_s);
}

double CumulativeLoad::Cursor::inverse(double amount) {
  // To the last piece that starts at or below the amount: pieces of rate zero before it are passed over.
  while (next_ < pieces_.size() && pieces_[next_].before <= amount) {
    ++next_;
  }
  return next_ == 0 ? 0 : pieces_[next_ - 1].inverse(amount);
}

}  // namespace kexp::cycle
