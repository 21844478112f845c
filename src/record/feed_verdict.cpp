#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/sends.hpp"
#include "kexp/record/verdict.hpp"

#include "event_log.hpp"
#include "feed_facts.hpp"
#include "feed_logs.hpp"
#include "offset_order.hpp"

namespace kexp::record {

namespace {

std::int64_t count_in(const FeedLog& feed, const char* name) {
  return static_cast<std::int64_t>(number(feed.end(), name).value_or(0));
}

// Adds what the rows of one feed say, and its end for the images that no row tells of. A line that is no row
// makes the sums differ.
void count_rows(const std::filesystem::path& run, const FeedLog& feed, bool was_stopped, RunFacts& facts) {
  Ledger& ledger = facts.ledger;
  OffsetOrder offsets;
  std::int64_t dropped = 0;
  (void)read_sends(run, [&](const SendRow& row) {
    if (row.from_topic || row.part != feed.part) {
      return;
    }
    switch (row.status.fate) {
      case Fate::acknowledged:
        ++ledger.acknowledged;
        offsets.add(row);
        break;
      case Fate::dropped:
        ++dropped;
        break;
      case Fate::unknown:
        ++ledger.unknown;
        break;
      case Fate::failed:
        ++ledger.failed;
        facts.given_up_at_stop += was_stopped && row.status.failure == kGivenUp ? 1 : 0;
    }
  });
  ledger.planned = count_in(feed, "planned");
  ledger.sent = ledger.acknowledged + ledger.failed + ledger.unknown;
  ledger.dropped = dropped + count_in(feed, "never_sent");
  ledger.feed_finished = feed.end() != nullptr;
  facts.dropped_by_policy = dropped;
  facts.offsets_repeated = offsets.repeated();
  facts.offsets_before_older = offsets.before_older();
}

}  // namespace

Verdict judge_feed(const std::filesystem::path& run, const FeedPart& part) {
  return on_disk("read", [&] {
    const FeedLogs feed{1, {{part, read_role(run, part.role())}}};  // One: no other is missing.
    RunFacts facts = facts_told_by(feed);
    facts.track_joined = true;  // Answers are no matter of a feed.
    count_rows(run, feed.feeds.front(), was_interrupted(feed), facts);
    add_end(feed.feeds.front().log, facts);
    return judge(facts, thresholds_of(feed));
  });
}

}  // namespace kexp::record
