#pragma once

/// One run's folder (docs/results.md): each role (feed, track, extract …) joins it once (`track` again after
/// it has ended) and appends to files of its own; run.json and ledger.json are derived from those by
/// `derive`.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "kexp/core/clock.hpp"
#include "kexp/core/json_fwd.hpp"

namespace kexp {
class FileLock;
}

namespace kexp::record {

class RunDirectory {
 public:
  /// Joins `directory` as `role`, making it when it is new; `settings` are the effective ones.
  ///
  /// The first line of <role>.json is written: {"event":"started","time":…,"role":…,"run":…,"host":…,
  /// "pid":…,"version":…,"settings":…}. Errors: UsageError naming --run when the role is there already or the
  /// folder holds something else than a run; FailedError when it cannot be written, or another process keeps
  /// joining it for 30 s; InterruptedError when `stop` is requested meanwhile.
  /// <role>.json stays locked (flock) while this object or a copy of it lives: is_at_work.
  [[nodiscard]] static RunDirectory join(const std::filesystem::path& directory, std::string_view role,
                                         const Json& settings, WallTime now, std::stop_token stop = {});
  /// As `join`, for a run whose id others know as well (the shards of one feed on several hosts): a new run
  /// gets `id`. Errors: UsageError naming --run also when the run is there with another id.
  [[nodiscard]] static RunDirectory join(const std::filesystem::path& directory, std::string_view role,
                                         const Json& settings, WallTime now, const std::string& id,
                                         std::stop_token stop = {});
  /// As `join`, but a role that is there already is taken up again, with one more "started": its process has
  /// ended or was killed. Errors: UsageError naming --run when that process is still at work.
  [[nodiscard]] static RunDirectory join_again(const std::filesystem::path& directory, std::string_view role,
                                               const Json& settings, WallTime now, std::stop_token stop = {});
  /// As `join`, with a new folder `root`/<run id>: what an empty --run stands for.
  [[nodiscard]] static RunDirectory create_default(const std::filesystem::path& root, std::string_view role,
                                                   const Json& settings, WallTime now,
                                                   std::stop_token stop = {});
  /// Opens a run without joining it. Errors: UsageError naming --run.
  [[nodiscard]] static RunDirectory open(const std::filesystem::path& directory);

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path file(std::string_view name) const { return path_ / name; }

  /// Appends a line {"event":event,"time":…, fields…} to <role>.json and hands it to the kernel.
  /// The last one of a role that came to its end is "finished". Requires: joined, not only opened.
  void append(std::string_view event, const Json& fields, WallTime now);

 private:
  RunDirectory(std::filesystem::path path, std::string id, std::string role);
  enum class Again { no, yes };
  static RunDirectory join_as(const std::filesystem::path& directory, const std::string& new_id,
                              std::string_view role, const Json& settings, WallTime now, Again again,
                              const std::stop_token& stop);
  void lock_role();

  std::filesystem::path path_;
  std::string id_;
  std::string role_;
  std::shared_ptr<const FileLock> at_work_;
};

/// Whether a process has `run` joined as `role` now. The kernel forgets one that was killed; on a file system
/// that does not pass locks on, one of another host is not seen.
[[nodiscard]] bool is_at_work(const std::filesystem::path& run, std::string_view role);

/// The last event of that name in <role>.json of `run`; a null value when there is none (yet).
[[nodiscard]] Json last_event(const std::filesystem::path& run, std::string_view role,
                              std::string_view event);

/// What happened to every image of a run; each loss shows between two of the counts.
/// planned = sent + dropped; sent = acknowledged + failed + unknown; acknowledged = processed + missing;
/// answers = processed + duplicates + unexpected.
struct Ledger {
  std::int64_t planned = 0, sent = 0, dropped = 0, acknowledged = 0, failed = 0;
  /// Sent without a report, or planned by a feed that was killed: nobody knows until the topic is read.
  std::int64_t unknown = 0;
  std::int64_t lost = 0;             ///< Acknowledged ids that `feed verify --from-topic` did not find.
  std::int64_t answers = 0;          ///< Rows of results/*.csv.
  std::int64_t processed = 0;        ///< Acknowledged ids with at least one answer.
  std::int64_t missing = 0;          ///< Acknowledged ids without an answer.
  std::int64_t duplicates = 0;       ///< Answers beyond the first of an id.
  std::int64_t unexpected = 0;       ///< First answers to ids that were not acknowledged.
  std::int64_t foreign = 0;          ///< Answers of another run, as the tracker counted them.
  std::int64_t errors = 0;           ///< Processed images whose first answer says that they could not be.
  std::int64_t unreadable_rows = 0;  ///< Lines of sends.csv and results/*.csv that are no rows of them.
  std::string first_unreadable_row;  ///< Where the first of them is: "sends.csv:17".
  bool feed_finished = false, track_finished = false;
  bool tracked = true;             ///< False where nobody took answers: `missing` means nothing then.
  bool identities_checked = true;  ///< False where no answers were sent and offsets were counted instead.
};

/// Counts a run's files. Reads sends.csv, plan.json and results/*.csv; memory is one entry an image.
[[nodiscard]] Ledger count_ledger(const std::filesystem::path& run);

/// {"run": …, "ledger": …}: what run.json and ledger.json should hold, by the other files; writes nothing.
/// Errors: FailedError naming the file.
[[nodiscard]] Json derived_from(const std::filesystem::path& run);

/// Derives run.json and ledger.json (missing, duplicate and failed ids by name, verdict with reasons) from
/// the other files, replaces them atomically and returns run.json. Callable at any time, also on a run that
/// was killed.
Json derive(const std::filesystem::path& run);

}  // namespace kexp::record
