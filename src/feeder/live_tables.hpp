#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string_view>

#include "kexp/core/file.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/stats/histogram.hpp"

#include "lane.hpp"
#include "stretch_row.hpp"

namespace kexp::feeder {

/// A stretch that is being counted.
struct OpenStretch {
  Stretch counts;
  stats::Histogram lateness, delivery;
};

/// Rows of stretches that are appended one after the other, each once it is over.
class LiveTable {
 public:
  LiveTable(const std::filesystem::path& file, std::string_view header);

  /// The stretch `index`; one that was written already is the first that was not.
  [[nodiscard]] OpenStretch& at(std::size_t index);
  /// The first that was not written yet.
  [[nodiscard]] std::size_t next() const { return next_; }
  /// Writes it; `cells` stand before its own.
  void write_next(std::string_view cells);
  void flush() { file_.flush(); }

 private:
  AppendFile file_;
  std::deque<OpenStretch> open_;  // From next_ on.
  std::size_t next_ = 0;
};

/// feed.csv and seconds.csv while a feed is at work: what a kill leaves. Segments and seconds are written
/// once they are over; at its end a feed replaces both tables by those of its account.
///
/// Times are ns after t0, told in about their order. Memory: the stretches that are not over.
class LiveTables {
 public:
  struct Files {
    std::filesystem::path segments, seconds;
  };
  /// `plan` outlives it.
  LiveTables(const cycle::Plan& plan, const Lanes& lanes, const Files& files);

  void sent(const cycle::PlannedImage& image, std::int64_t time_ns);
  /// Counts where it was due.
  void dropped(std::int64_t intended_ns);
  void acknowledged(const cycle::PlannedImage& image, std::int64_t time_ns);
  void failed(std::int64_t time_ns);
  /// All until `now_ns` has been told, but for what is on its way between threads.
  void advance(std::int64_t now_ns);
  void flush();

  /// Bytes that the plan wants sent until the last `advance`.
  [[nodiscard]] std::int64_t due_bytes() const { return due_bytes_; }

 private:
  OpenStretch& second(std::int64_t time_ns);
  OpenStretch& segment(std::int64_t time_ns);
  void plan_until(std::int64_t time_ns);

  const cycle::Plan& plan_;
  const std::uint64_t step_;
  LiveTable segments_, seconds_;
  std::uint64_t next_planned_;  // The first image that is not due yet.
  std::int64_t due_bytes_ = 0;
};

}  // namespace kexp::feeder
