#include "reconcile.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/file.hpp"
#include "kexp/record/id_table.hpp"
#include "kexp/record/sends.hpp"

#include "columns.hpp"

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
};
constexpr std::uint8_t kSends = kAcknowledged | kFailed | kDropped | kUnknown;

std::int64_t count_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

class Counting {
 public:
  Counting(const fs::path& run, const RoleLog& feed, const RoleLog& track)
      : run_(run), feed_end_(feed.last("finished")), track_end_(track.last("finished")) {}

  Reconciliation run() {
    ledger_.feed_finished = feed_end_ != nullptr;
    ledger_.track_finished = track_end_ != nullptr;
    read_committed();
    ledger_.unreadable_rows += read_sends(run_, [this](const SendRow& row) { add_send(row); });
    read_answers();
    count_ids();
    count_ids_without_a_row();
    ledger_.sent = ledger_.acknowledged + ledger_.failed + ledger_.unknown;
    if (track_end_ != nullptr) {
      ledger_.foreign = count_in(*track_end_, "foreign");
    }
    compare_counts();
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
    repeated_sends_ += (flags & kSends) != 0 ? 1 : 0;
    if (row.acknowledged()) {
      flags |= kAcknowledged;
      if (is_committed(row)) {
        flags |= kAnswered;
      }
    } else if (row.status == "dropped") {
      flags |= kDropped;
    } else if (row.status == "unknown") {
      flags |= kUnknown;
    } else {
      flags |= kFailed;
      const std::size_t colon = row.status.find(':');
      ++result_.failures[std::string(row.status.substr(std::min(colon, row.status.size() - 1) + 1))];
    }
  }

  [[nodiscard]] bool is_committed(const SendRow& row) const {
    const auto found = row.partition ? committed_.find(*row.partition) : committed_.end();
    return found != committed_.end() && row.offset && *row.offset < found->second;
  }

  void read_answers() {
    const fs::path folder = run_ / "results";
    if (!fs::is_directory(folder)) {
      return;
    }
    std::set<fs::path> files;  // Their names are times: the first answer is read first.
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".csv") {
        files.insert(entry.path());
      }
    }
    for (const fs::path& file : files) {
      ledger_.unreadable_rows += read_columns(file, {"id", "errors"}, [this](const auto& fields) {
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
      if ((flags & kSends) != 0) {
        ++rows_;
      }
      if ((flags & kAcknowledged) != 0) {
        ++ledger_.acknowledged;
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
    ledger_.missing = result_.missing.total;
    ledger_.unexpected = result_.unexpected.total;
    ledger_.failed = result_.failed.total;
    ledger_.unknown = result_.unknown.total;
    ledger_.dropped = result_.dropped.total;
  }

  [[nodiscard]] std::optional<std::int64_t> planned_images() {
    const fs::path file = run_ / "plan.json";
    if (fs::exists(file)) {
      const Json plan = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
      if (plan.is_object() && plan.contains("images") && plan["images"].is_number_integer()) {
        return plan["images"].get<std::int64_t>();
      }
    }
    return feed_end_ == nullptr ? std::nullopt : std::optional(count_in(*feed_end_, "planned"));
  }

  // Planned ids that sends.csv does not have: a feed that was cut short has dropped them; of one that was
  // killed nobody knows which it had sent. A feed that came to its end has no such ids.
  void count_ids_without_a_row() {
    ledger_.planned = planned_images().value_or(rows_);
    const bool cut_short = was_cut_short(feed_end_);
    if (ledger_.planned <= rows_ || (feed_end_ != nullptr && !cut_short)) {
      return;
    }
    IdListing& listing = cut_short ? result_.dropped : result_.unknown;
    const std::int64_t total = listing.total + ledger_.planned - rows_;
    for (std::int64_t id = 0; id < ledger_.planned && listing.ids.size() < IdListing::kLongest; ++id) {
      const std::string name = fmt::format("{}", id);
      if ((ids_.flags(name) & kSends) == 0) {
        listing.add(name);
      }
    }
    listing.total = total;
    (cut_short ? ledger_.dropped : ledger_.unknown) = total;
  }

  void compare(const char* file, const Json* end, const char* name, std::int64_t counted) {
    if (end != nullptr && end->contains(name) && count_in(*end, name) != counted) {
      result_.mismatches.push_back(
          fmt::format("{} says {}={}, the files have {}", file, name, count_in(*end, name), counted));
    }
  }

  void compare_counts() {
    compare("feed.json", feed_end_, "planned", ledger_.planned);
    compare("feed.json", feed_end_, "sent", ledger_.sent);
    compare("feed.json", feed_end_, "dropped", ledger_.dropped);
    compare("feed.json", feed_end_, "acknowledged", ledger_.acknowledged);
    compare("feed.json", feed_end_, "failed", ledger_.failed);
    compare("feed.json", feed_end_, "unknown", ledger_.unknown);
    compare("track.json", track_end_, "answers", ledger_.answers);
    if (repeated_sends_ > 0) {
      result_.mismatches.push_back(fmt::format("{} ids stand in sends.csv twice", repeated_sends_));
    }
  }

  const fs::path& run_;
  const Json* feed_end_;
  const Json* track_end_;
  Reconciliation result_;
  Ledger& ledger_ = result_.ledger;
  IdTable ids_;
  std::unordered_map<std::int64_t, std::int64_t> committed_;
  std::int64_t rows_ = 0;  // Ids with a row in sends.csv.
  std::int64_t repeated_sends_ = 0;
};

}  // namespace

Reconciliation reconcile(const fs::path& run, const RoleLog& feed, const RoleLog& track) {
  return Counting(run, feed, track).run();
}

}  // namespace kexp::record
