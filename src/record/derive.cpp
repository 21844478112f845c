#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/file.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/run_directory.hpp"
#include "kexp/record/verdict.hpp"

#include "event_log.hpp"
#include "reconcile.hpp"
#include "run_files.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

// The value of `name` in `event`, null when either is not there.
Json field(const Json* event, const char* name) {
  return event != nullptr && event->contains(name) ? (*event)[name] : Json();
}

const RoleLog& role_named(const std::vector<RoleLog>& roles, std::string_view name) {
  static const RoleLog kNone;
  const auto found =
      std::find_if(roles.begin(), roles.end(), [&](const RoleLog& role) { return role.role == name; });
  return found == roles.end() ? kNone : *found;
}

std::optional<double> share(const Json* end, const char* name) {
  const Json value = field(end, name);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

RunFacts facts_of(const std::vector<RoleLog>& roles, const Reconciliation& counted) {
  const RoleLog& feed = role_named(roles, "feed");
  const Json* feed_end = feed.last("finished");
  RunFacts facts;
  facts.ledger = counted.ledger;
  facts.mismatches = counted.mismatches;
  facts.feed_joined = !feed.events.empty();
  facts.track_joined = !role_named(roles, "track").events.empty();
  facts.feed_cut_short = was_cut_short(feed_end);
  facts.late_over_1ms = share(feed_end, "late_over_1ms_fraction");
  facts.late_over_100ms = share(feed_end, "late_over_100ms_fraction");
  const Json segments = field(feed_end, "segments_out_of_bound");
  facts.segments_out_of_bound = segments.is_number_integer() ? segments.get<std::int64_t>() : 0;
  for (const RoleLog& role : roles) {
    if (!role.finished()) {
      facts.unfinished_roles.push_back(role.role);
    }
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
          {"answers", ledger.answers},
          {"processed", ledger.processed},
          {"missing", ledger.missing},
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
          {"missing", listing_json(counted.missing)},
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
          {"thresholds",
           {{"late_over_1ms_perturbed", thresholds.late_over_1ms_perturbed},
            {"late_over_100ms_invalid", thresholds.late_over_100ms_invalid}}}};
}

Json phases_json(const std::vector<RoleLog>& roles) {
  const RoleLog& feed = role_named(roles, "feed");
  const Json* extract = role_named(roles, "extract").last("finished");
  Json t0;
  for (const Json& event : feed.events) {
    if (event.contains("t0")) {
      t0 = event["t0"];
    }
  }
  return {{"feed_start", std::move(t0)},
          {"feed_end", field(feed.last("finished"), "time")},
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

Json latency_json(const std::vector<RoleLog>& roles) {
  const Json* feed = role_named(roles, "feed").last("finished");
  Json latency{{"lateness", field(feed, "lateness")}, {"delivery", field(feed, "delivery")}};
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
  const FileLock lock = FileLock::acquire(run / kLockFile);
  const Json before = read_json(run / kRunFile);
  const std::vector<RoleLog> roles = read_roles(run);
  const Reconciliation counted = reconcile(run, role_named(roles, "feed"), role_named(roles, "track"));
  const VerdictThresholds thresholds;

  Json json{{"id", directory.id()},
            {"created", field(&before, "created")},
            {"verdict", verdict_json(judge(facts_of(roles, counted), thresholds), thresholds)},
            {"counts", counts_json(counted.ledger)},
            {"phases", phases_json(roles)},
            {"latency", latency_json(roles)},
            {"plan", plan_json(run)},
            {"roles", roles_json(roles)}};
  write_json(run / kLedgerFile, ledger_json(directory.id(), counted));
  write_json(run / kRunFile, json);
  return json;
}

}  // namespace

Json derive(const fs::path& run) {
  return on_disk("read", [&] { return derive_from_files(run); });
}

}  // namespace kexp::record
