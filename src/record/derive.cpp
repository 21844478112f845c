#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/run_directory.hpp"
#include "kexp/record/verdict.hpp"

#include "event_log.hpp"
#include "feed_facts.hpp"
#include "feed_logs.hpp"
#include "reconcile.hpp"
#include "run_files.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

const RoleLog& role_named(const std::vector<RoleLog>& roles, std::string_view name) {
  static const RoleLog kNone;
  const auto found =
      std::find_if(roles.begin(), roles.end(), [&](const RoleLog& role) { return role.role == name; });
  return found == roles.end() ? kNone : *found;
}

RunFacts facts_of(const std::vector<RoleLog>& roles, const FeedLogs& feeds, const Reconciliation& counted) {
  RunFacts facts = facts_told_by(feeds);
  facts.ledger = counted.ledger;
  facts.mismatches = counted.mismatches;
  facts.offsets_repeated = counted.offsets_repeated;
  facts.offsets_before_older = counted.offsets_before_older;
  facts.dropped_by_policy = counted.dropped_by_policy;
  facts.track_joined = !role_named(roles, "track").events.empty();
  const auto given_up = counted.failures.find(kGivenUp);
  facts.given_up_at_stop =
      was_interrupted(feeds) && given_up != counted.failures.end() ? given_up->second : 0;
  for (const FeedPart& part : feeds.missing()) {
    facts.missing_feeds.push_back(part.role());
  }
  for (const RoleLog& role : roles) {
    add_end(role, facts);
  }
  return facts;
}

Json counts_json(const Ledger& ledger) {
  return {{"planned", ledger.planned},
          {"sent", ledger.sent},
          {"dropped", ledger.dropped},
          {"acknowledged", ledger.acknowledged},
          {"failed", ledger.failed},
          {"unknown", ledger.unknown},
          {"lost", ledger.lost},
          {"answers", ledger.answers},
          {"processed", ledger.tracked ? Json(ledger.processed) : Json()},
          {"missing", ledger.tracked ? Json(ledger.missing) : Json()},
          {"duplicates", ledger.duplicates},
          {"unexpected", ledger.unexpected},
          {"foreign", ledger.foreign},
          {"errors", ledger.errors},
          {"unreadable_rows", ledger.unreadable_rows},
          {"identities_checked", ledger.identities_checked}};
}

Json listing_json(const IdListing& listing) {
  return {{"total", listing.total}, {"listed", listing.ids.size()}, {"ids", listing.ids}};
}

Json ledger_json(const std::string& id, const Reconciliation& counted) {
  Json failures = Json::object();
  for (const auto& [name, count] : counted.failures) {
    failures[name] = count;
  }
  return {{"run", id},
          {"counts", counts_json(counted.ledger)},
          {"failures", std::move(failures)},
          {"lost", listing_json(counted.lost)},
          {"missing", counted.ledger.tracked ? listing_json(counted.missing) : Json()},
          {"failed", listing_json(counted.failed)},
          {"unknown", listing_json(counted.unknown)},
          {"dropped", listing_json(counted.dropped)},
          {"duplicate", listing_json(counted.duplicate)},
          {"unexpected", listing_json(counted.unexpected)}};
}

Json verdict_json(const Verdict& verdict, const VerdictThresholds& thresholds) {
  Json reasons = Json::array();
  for (const VerdictReason& reason : verdict.reasons) {
    reasons.push_back(reason.text);
  }
  return {{"state", to_text(verdict.state)},
          {"reasons", std::move(reasons)},
          {"thresholds", to_json(thresholds)}};
}

// The first t0 and the last end of the feeds; no end while one of them has none. Times of equal form sort as
// text.
Json phases_json(const std::vector<RoleLog>& roles, const FeedLogs& feeds) {
  const Json* extract = role_named(roles, "extract").last("finished");
  Json t0;
  Json end;
  for (const FeedLog& feed : feeds.feeds) {
    for (const Json& event : feed.log.events) {
      if (event.contains("t0") && (t0.is_null() || event["t0"] < t0)) {
        t0 = event["t0"];
      }
    }
    const Json time = field(feed.end(), "time");
    end = end.is_null() || end < time ? time : end;
  }
  return {{"feed_start", std::move(t0)},
          {"feed_end", feeds.finished() ? std::move(end) : Json()},
          {"track_end", field(role_named(roles, "track").last("finished"), "time")},
          {"extract_start", field(extract, "start")},
          {"extract_end", field(extract, "end")}};
}

// What each role said of itself: who, where, when, with which settings, and its last words.
Json roles_json(const std::vector<RoleLog>& roles) {
  Json json = Json::object();
  for (const RoleLog& role : roles) {
    const Json* start = role.last("started");
    const Json* end = role.last("finished");
    Json result = end == nullptr ? Json() : *end;
    if (end != nullptr) {
      result.erase("event");
      result.erase("time");
    }
    json[role.role] = {{"host", field(start, "host")},       {"pid", field(start, "pid")},
                       {"version", field(start, "version")}, {"started", field(start, "time")},
                       {"finished", field(end, "time")},     {"settings", field(start, "settings")},
                       {"result", std::move(result)}};
  }
  return json;
}

// Lateness and delivery of the feed; of several feeds each by its role, as percentiles do not add up.
Json latency_json(const std::vector<RoleLog>& roles, const FeedLogs& feeds) {
  const auto of_feeds = [&](const char* name) {
    if (feeds.of <= 1) {
      return feeds.feeds.empty() ? Json() : field(feeds.feeds.front().end(), name);
    }
    Json by_role = Json::object();
    for (const FeedLog& feed : feeds.feeds) {
      by_role[feed.log.role] = field(feed.end(), name);
    }
    return by_role;
  };
  Json latency{{"lateness", of_feeds("lateness")}, {"delivery", of_feeds("delivery")}};
  const Json tracked = field(role_named(roles, "track").last("finished"), "latency");
  if (tracked.is_object()) {
    latency.update(tracked);
  }
  return latency;
}

Json plan_json(const fs::path& run) {
  const fs::path file = run / "plan.json";
  if (!fs::exists(file)) {
    return {};
  }
  Json plan = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  return plan.is_discarded() ? Json() : plan;
}

Json derive_from_files(const fs::path& run) {
  const RunDirectory directory = RunDirectory::open(run);
  const Json before = read_json(run / kRunFile);
  const std::vector<RoleLog> roles = read_roles(run);
  const FeedLogs feeds = feeds_among(roles);
  const Reconciliation counted = reconcile(run, feeds, role_named(roles, "track"));
  const VerdictThresholds thresholds = thresholds_of(feeds);
  const Json* track_end = role_named(roles, "track").last("finished");

  Json json{{"id", directory.id()},
            {"created", field(&before, "created")},
            {"verdict", verdict_json(judge(facts_of(roles, feeds, counted), thresholds), thresholds)},
            {"counts", counts_json(counted.ledger)},
            {"phases", phases_json(roles, feeds)},
            {"latency", latency_json(roles, feeds)},
            {"stages", field(track_end, "stages")},
            {"clocks", field(track_end, "clocks")},
            {"goodput", field(track_end, "goodput")},
            {"plan", plan_json(run)},
            {"roles", roles_json(roles)}};
  Json ledger = ledger_json(directory.id(), counted);
  ledger["late"] = field(track_end, "late");
  ledger["goodput"] = field(track_end, "goodput");
  return {{"run", std::move(json)}, {"ledger", std::move(ledger)}};
}

}  // namespace

Json derived_from(const fs::path& run) {
  return on_disk("read", [&] { return derive_from_files(run); });
}

Json derive(const fs::path& run) {
  (void)RunDirectory::open(run);  // Else the lock would be made where no run is.
  const FileLock lock = FileLock::acquire(run / kLockFile);
  Json derived = derived_from(run);
  write_json(run / kLedgerFile, derived["ledger"]);
  write_json(run / kRunFile, derived["run"]);
  return derived["run"];
}

}  // namespace kexp::record
