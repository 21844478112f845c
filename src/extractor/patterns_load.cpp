#include "patterns_load.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/feeds.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecondMs = 1000;

std::int64_t whole(const fs::path& file, std::size_t line, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw FailedError(fmt::format("{}:{}: \"{}\" is no whole number", file.string(), line, text));
  }
  return value;
}

/// Bytes sent in each second, which begins at the key in Unix ms.
using Seconds = std::map<std::int64_t, double>;

void add_seconds(const fs::path& file, std::int64_t t0_ms, Seconds& seconds) {
  CsvReader reader(file, CsvReader::Tail::drop);
  const auto has_header = reader.next();
  const auto second = has_header ? reader.position("second") : std::nullopt;
  const auto bytes = has_header ? reader.position("sent_bytes") : std::nullopt;
  if (!second || !bytes) {
    throw FailedError(fmt::format("{} has no columns second and sent_bytes", file.string()));
  }
  while (reader.next()) {
    const auto& row = reader.row();
    if (row.size() > std::max(*second, *bytes)) {
      seconds[t0_ms + whole(file, reader.line(), row[*second]) * kSecondMs] +=
          static_cast<double>(whole(file, reader.line(), row[*bytes]));
    }
  }
}

Seconds read_seconds(const fs::path& run) {
  Seconds seconds;
  for (const record::FeedPart& part : record::joined_feeds(run)) {
    const Json sending = record::last_event(run, part.role(), "sending");
    const fs::path file = run / part.csv("seconds");
    if (!sending.is_null() && on_disk("read", [&] { return fs::exists(file); })) {
      add_seconds(file, sending.at("t0_unix_ns").get<std::int64_t>() / 1'000'000, seconds);
    }
  }
  return seconds;
}

/// Bytes sent up to any moment, evenly within a second. Moments do not fall from call to call.
class SentUpTo {
 public:
  explicit SentUpTo(const Seconds& seconds) : seconds_(seconds), next_(seconds.begin()) {}

  double operator()(std::int64_t ts_ms) {
    while (next_ != seconds_.end() && next_->first + kSecondMs <= ts_ms) {
      whole_ += next_->second;
      ++next_;
    }
    // Seconds of shards may overlap where their clocks disagree; each counts for itself.
    double begun = 0;
    for (auto one = next_; one != seconds_.end() && one->first < ts_ms; ++one) {
      begun += one->second * static_cast<double>(ts_ms - one->first) / kSecondMs;
    }
    return whole_ + begun;
  }

 private:
  const Seconds& seconds_;
  Seconds::const_iterator next_;
  double whole_ = 0;
};

/// Where the plan was played out, seconds without a byte may follow.
std::int64_t last_sent_ms(const Seconds& seconds) {
  for (auto one = seconds.rbegin(); one != seconds.rend(); ++one) {
    if (one->second > 0) {
      return one->first + kSecondMs;
    }
  }
  return seconds.begin()->first;
}

}  // namespace

Load read_load(const fs::path& run, std::chrono::milliseconds step) {
  static_cast<void>(record::RunDirectory::open(run));  // What is no run is named.
  const Seconds seconds = read_seconds(run);
  if (seconds.empty()) {
    throw UsageError(fmt::format("{} has no load: no feed of it has begun to send", run.string()));
  }
  const std::int64_t step_ms = step.count();
  const auto at = [](std::int64_t ts_ms) { return WallTime(std::chrono::milliseconds(ts_ms)); };
  Load load{prom::grid_inside({at(seconds.begin()->first + step_ms), at(last_sent_ms(seconds))}, step), {}};
  SentUpTo sent(seconds);
  double before = sent(load.grid.first_ms - step_ms);
  for (std::int64_t i = 0; i < load.grid.count; ++i) {
    const double now = sent(load.grid.first_ms + i * step_ms);
    load.bytes_per_s.push_back((now - before) * 1000 / static_cast<double>(step_ms));
    before = now;
  }
  return load;
}

}  // namespace kexp::extractor
