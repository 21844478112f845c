#include "reconcile.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/id_table.hpp"
#include "kexp/record/result_files.hpp"
#include "kexp/record/sends.hpp"

#include "columns.hpp"
#include "offset_order.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

// What is known of an id.
enum Flag : std::uint8_t {
  kAcknowledged = 1,
  kFailed = 2,
  kDropped = 4,
  kUnknown = 8,
  kAnswered = 16,
  kDuplicate = 32,
  kError = 64,
  kLost = 128,
};
constexpr std::int64_t kMostImages = 1'000'000'000;  // A plan.json with more was not written by a feed.
constexpr std::array kFlags = {kAcknowledged, kFailed, kDropped, kUnknown};  // By Fate.
constexpr std::uint8_t kSends = kAcknowledged | kFailed | kDropped | kUnknown;

std::int64_t count_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

class Counting {
 public:
  Counting(const fs::path& run, const FeedLogs& feeds, const RoleLog& track)
      : run_(run), feeds_(feeds), track_joined_(!track.events.empty()), track_end_(track.last("finished")) {}

  Reconciliation run() {
    ledger_.feed_finished = feeds_.finished();
    ledger_.track_finished = track_end_ != nullptr;
    ledger_.tracked = track_joined_ || fs::is_directory(run_ / "results");
    ledger_.identities_checked = ledger_.tracked;
    read_committed();
    unreadable_ += read_sends(run_, [this](const SendRow& row) { add_send(row); });
    read_lost();
    read_answers();
    ledger_.unreadable_rows = unreadable_.count;
    ledger_.first_unreadable_row = unreadable_.first;
    count_ids();
    count_ids_without_a_row();
    ledger_.sent = ledger_.acknowledged + ledger_.failed + ledger_.unknown;
    if (track_end_ != nullptr) {
      ledger_.foreign = count_in(*track_end_, "foreign");
    }
    compare_counts();
    result_.offsets_repeated = offsets_.repeated();
    result_.offsets_before_older = offsets_.before_older();
    return std::move(result_);
  }

 private:
  // Without answers the tracker noted how far the consumers' group had committed each partition.
  void read_committed() {
    const auto found = track_end_ == nullptr ? Json::const_iterator() : track_end_->find("committed");
    if (track_end_ == nullptr || found == track_end_->end() || !found->is_object()) {
      return;
    }
    ledger_.identities_checked = false;
    for (const auto& [partition, offset] : found->items()) {
      if (const auto number = to_integer(partition); number && offset.is_number_integer()) {
        committed_[*number] = offset.get<std::int64_t>();
      }
    }
  }

  void add_send(const SendRow& row) {
    std::uint8_t& flags = ids_[row.id];
    const Flag fate = kFlags.at(static_cast<std::size_t>(row.status.fate));
    if (row.from_topic) {
      if ((flags & kSends & ~kUnknown) != 0) {
        return;  // It is known from the feed itself.
      }
      flags &= static_cast<std::uint8_t>(~kUnknown);
    } else {
      repeated_sends_ += (flags & kSends) != 0 ? 1 : 0;
      ++rows_[row.part.index][fate];
    }
    if (fate == kAcknowledged && (flags & kSends) == 0) {
      offsets_.add(row);
    }
    flags |= fate;
    if (fate == kAcknowledged && is_committed(row)) {
      flags |= kAnswered;
    } else if (fate == kFailed) {
      ++result_.failures[std::string(row.status.failure)];
    }
  }

  void read_lost() {
    if (fs::exists(run_ / kFeedLostFile)) {
      unreadable_ += read_columns(run_, kFeedLostFile, {"id"}, [this](const auto& fields) {
        ids_[fields[0]] |= kLost;
        return true;
      });
    }
  }

  [[nodiscard]] bool is_committed(const SendRow& row) const {
    const auto found = row.partition ? committed_.find(*row.partition) : committed_.end();
    return found != committed_.end() && row.offset && *row.offset < found->second;
  }

  void read_answers() {
    for (const fs::path& file : result_files(run_)) {  // The first answer is read first.
      unreadable_ +=
          read_columns(run_, file.lexically_relative(run_), {"id", "errors"}, [this](const auto& fields) {
            add_answer(fields[0], fields[1]);
            return true;
          });
    }
  }

  void add_answer(std::string_view id, std::string_view errors) {
    std::uint8_t& flags = ids_[id];
    ++ledger_.answers;
    if ((flags & kAnswered) != 0) {
      flags |= kDuplicate;
      ++ledger_.duplicates;
      return;
    }
    flags |= kAnswered;
    if (errors != "0") {
      flags |= kError;
    }
  }

  void count_ids() {
    ids_.for_each([this](const std::string& id, std::uint8_t flags) {
      const bool answered = (flags & kAnswered) != 0;
      if ((flags & kDuplicate) != 0) {
        result_.duplicate.add(id);
      }
      sends_ += (flags & kSends) != 0 ? 1 : 0;
      if ((flags & kAcknowledged) != 0) {
        ++ledger_.acknowledged;
        if ((flags & kLost) != 0) {
          result_.lost.add(id);
        }
        ledger_.processed += answered ? 1 : 0;
        ledger_.errors += answered && (flags & kError) != 0 ? 1 : 0;
        if (!answered) {
          result_.missing.add(id);
        }
        return;
      }
      if (answered) {
        result_.unexpected.add(id);
      }
      if ((flags & kFailed) != 0) {
        result_.failed.add(id);
      } else if ((flags & kUnknown) != 0) {
        result_.unknown.add(id);
      } else if ((flags & kDropped) != 0) {
        result_.dropped.add(id);
      }
    });
    ledger_.lost = result_.lost.total;
    ledger_.missing = result_.missing.total;
    ledger_.unexpected = result_.unexpected.total;
    ledger_.failed = result_.failed.total;
  }

  [[nodiscard]] std::optional<std::int64_t> planned_images() {
    const fs::path file = run_ / "plan.json";
    if (fs::exists(file)) {
      const Json plan = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
      if (plan.is_object() && plan.contains("images") && plan["images"].is_number_integer()) {
        return std::clamp(plan["images"].get<std::int64_t>(), std::int64_t{0}, kMostImages);
      }
    }
    std::optional<std::int64_t> planned;
    for (const FeedLog& feed : feeds_.feeds) {
      if (feed.end() != nullptr) {
        planned = planned.value_or(0) + count_in(*feed.end(), "planned");
      }
    }
    return planned;
  }

  // Planned ids that no row tells of: a feed that was cut short has dropped them; of one that was killed, or
  // is not here, nobody knows which it had sent. A feed that came to its end has no such ids.
  void count_ids_without_a_row() {
    const std::optional<std::int64_t> planned = planned_images();
    ledger_.planned = planned.value_or(sends_);
    for (auto& [part, rows] : rows_) {
      result_.dropped_by_policy += rows[kDropped];
    }
    std::int64_t in_plan = 0;
    for (std::int64_t id = 0; planned && id < *planned; ++id) {
      const auto number = static_cast<std::uint64_t>(id);
      if ((ids_.flags(number) & kSends) != 0) {
        ++in_plan;
        continue;
      }
      const FeedLog* feed = feeds_.feed_of(number);
      if (feed == nullptr || feed->end() == nullptr) {
        result_.unknown.add(id);
      } else if (was_cut_short(feed->end())) {
        result_.dropped.add(id);
      }
    }
    ledger_.unknown = result_.unknown.total;
    ledger_.dropped = result_.dropped.total;
    if (planned && in_plan < sends_) {
      result_.mismatches.push_back(
          fmt::format("{} ids were sent that the plan does not have", sends_ - in_plan));
    }
  }

  void compare(const std::string& role, const Json& end, const char* name, std::int64_t counted) {
    if (end.contains(name) && count_in(end, name) != counted) {
      result_.mismatches.push_back(
          fmt::format("{}.json says {}={}, the files have {}", role, name, count_in(end, name), counted));
    }
  }

  // Holds what a feed said at its end against its own rows: what the topic decided later is no part of it.
  void compare_feed(const FeedLog& feed, const Json& end) {
    std::map<Flag, std::int64_t>& rows = rows_[feed.part.index];
    const std::int64_t sent = rows[kAcknowledged] + rows[kFailed] + rows[kUnknown];
    const std::int64_t planned = feed.part.share_of(ledger_.planned);
    const std::int64_t cut = was_cut_short(&end) ? planned - sent - rows[kDropped] : 0;
    compare(feed.log.role, end, "planned", planned);
    compare(feed.log.role, end, "sent", sent);
    compare(feed.log.role, end, "dropped", rows[kDropped] + cut);
    compare(feed.log.role, end, "acknowledged", rows[kAcknowledged]);
    compare(feed.log.role, end, "failed", rows[kFailed]);
    compare(feed.log.role, end, "unknown", rows[kUnknown]);
  }

  void compare_counts() {
    for (std::string& conflict : feeds_.conflicts()) {
      result_.mismatches.push_back(std::move(conflict));
    }
    for (const FeedLog& feed : feeds_.feeds) {
      if (feed.end() != nullptr) {
        compare_feed(feed, *feed.end());
      }
    }
    if (track_end_ != nullptr) {
      compare("track", *track_end_, "answers", ledger_.answers);
    }
    if (repeated_sends_ > 0) {
      result_.mismatches.push_back(fmt::format("{} ids stand in sends.csv twice", repeated_sends_));
    }
  }

  const fs::path& run_;
  const FeedLogs& feeds_;
  const bool track_joined_;
  const Json* track_end_;
  Reconciliation result_;
  Ledger& ledger_ = result_.ledger;
  UnreadableRows unreadable_;
  IdTable ids_;
  OffsetOrder offsets_;
  std::unordered_map<std::int64_t, std::int64_t> committed_;
  std::map<std::uint32_t, std::map<Flag, std::int64_t>> rows_;  // By feed and fate, as the feed wrote them.
  std::int64_t sends_ = 0;                                      // Ids whose fate some row tells.
  std::int64_t repeated_sends_ = 0;
};

}  // namespace

Reconciliation reconcile(const fs::path& run, const FeedLogs& feeds, const RoleLog& track) {
  return Counting(run, feeds, track).run();
}

}  // namespace kexp::record
