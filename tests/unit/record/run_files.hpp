#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/json_fwd.hpp"
#include "kexp/record/feeds.hpp"

namespace kexp::test {

inline constexpr WallTime kNow{std::chrono::seconds(1795284000)};  // 2026-11-21T18:00:00Z

/// Writes files of a run as its roles leave them.
class RunFiles {
 public:
  explicit RunFiles(std::filesystem::path run) : run_(std::move(run)) {}

  void write(std::string_view name, std::string_view text) const;
  void join(std::string_view role, const Json& settings) const;
  void join(std::string_view role) const;
  /// Joins as `role` and ends it with `fields`.
  void finish(std::string_view role, const Json& fields) const;
  /// sends.csv with a row a status, ids from 0; an empty status leaves the row out.
  void sends(const std::vector<std::string>& statuses) const;
  /// The same for one part of a plan: the ids are those that it plays.
  void sends(const record::FeedPart& part, const std::vector<std::string>& statuses) const;
  /// Joins as the feed of `part` and, with `fields`, ends it.
  void shard(const record::FeedPart& part, const std::optional<Json>& fields) const;
  /// results/<name>.csv with an answer to each id.
  void answers(std::string_view name, const std::vector<std::string>& ids, int errors = 0) const;
  /// Leaves `text` as everything that `name` holds from its end on, as a killed writer does.
  void append(std::string_view name, std::string_view text) const;

  [[nodiscard]] const std::filesystem::path& path() const { return run_; }

 private:
  std::filesystem::path run_;
};

}  // namespace kexp::test
