#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/json_fwd.hpp"
#include "kexp/record/feeds.hpp"

namespace kexp::feeder {

/// Files of a run as a feed leaves them, written by hand. The plan: `seconds` segments of a second each, with
/// `per_segment` images of 1000 bytes, evenly spaced from the middle of the first slot; two partitions.
/// Settings and fields are JSON.
class FedRun {
 public:
  static constexpr std::int64_t kT0 = 1'795'284'000'000'000'000;  ///< Unix ns.
  static constexpr std::int64_t kMs = 1'000'000;

  FedRun(std::filesystem::path run, int seconds, int per_segment, std::string_view settings = "{}",
         const record::FeedPart& part = {});

  [[nodiscard]] std::int64_t intended(std::int64_t id) const;
  /// A row of an image that was sent so late, and acknowledged so long after its intended time.
  void acknowledged(std::int64_t id, std::int64_t late_ns, std::int64_t delivery_ns);
  /// Every image that has no row yet.
  void acknowledge_rest(std::int64_t late_ns, std::int64_t delivery_ns);
  void failed(std::int64_t id, std::int64_t late_ns, std::int64_t delivery_ns);
  void unknown(std::int64_t id, std::int64_t late_ns);
  void dropped(std::int64_t id);
  /// Adds an event to the feed's own file.
  void note(std::string_view event, const Json& fields) const;
  /// Writes sends.csv.
  void write() const;
  /// Writes the tables of its account, and its last event.
  void finish(std::string_view fields = "{}") const;

  [[nodiscard]] const std::filesystem::path& path() const { return run_; }

 private:
  void row(std::int64_t id, const std::string& times, std::string_view status);

  std::filesystem::path run_;
  record::FeedPart part_;
  std::int64_t images_;
  std::int64_t step_ns_;
  std::vector<bool> has_row_;
  std::string rows_;
};

}  // namespace kexp::feeder
