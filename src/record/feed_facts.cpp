#include "feed_facts.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "kexp/core/json.hpp"

namespace kexp::record {

namespace {

Json setting(const RoleLog& role, const char* name) {
  const Json settings = field(role.last("started"), "settings");
  return field(&settings, name);
}

// Share of the sends of all feeds; none when one of them that finished did not record its own.
std::optional<double> share(const FeedLogs& feeds, const char* name) {
  double late = 0;
  double sent = 0;
  for (const FeedLog& feed : feeds.feeds) {
    const auto fraction = number(feed.end(), name);
    if (feed.end() != nullptr && !fraction) {
      return std::nullopt;
    }
    const double sends = number(feed.end(), "sent").value_or(feeds.feeds.size() == 1 ? 1 : 0);
    late += fraction.value_or(0) * sends;
    sent += sends;
  }
  return sent > 0 ? late / sent : 0;
}

// What one feed noted while it ran.
void add_notes(const FeedLog& feed, RunFacts& facts) {
  const std::vector<Outage> outages = outages_in(feed.log);
  facts.outages.insert(facts.outages.end(), outages.begin(), outages.end());
  for (const Json& event : feed.log.events) {
    if (event["event"] == "stall") {
      facts.stalled_s = std::max(facts.stalled_s.value_or(0), number(&event, "duration_s").value_or(0));
    } else if (event["event"] == "clock_stepped") {
      facts.clock_stepped_s += std::abs(number(&event, "by_s").value_or(0));
    } else if (event["event"] == "overload") {
      facts.overload_debt_s =
          std::max(facts.overload_debt_s.value_or(0), number(&event, "debt_s").value_or(0));
    }
  }
  if (const auto cpu = number(feed.end(), "generator_cpu")) {
    facts.generator_cpu = std::max(facts.generator_cpu.value_or(0), *cpu);
  }
  facts.starved_s += number(feed.end(), "starved_s").value_or(0);
  facts.segments_out_of_bound +=
      static_cast<std::int64_t>(number(feed.end(), "segments_out_of_bound").value_or(0));
  facts.drop_was_chosen = facts.drop_was_chosen || setting(feed.log, "on_overload") == "drop";
  facts.all_due_at_once = facts.all_due_at_once || setting(feed.log, "profile") == "burst";
}

}  // namespace

Json field(const Json* event, const char* name) {
  return event != nullptr && event->contains(name) ? (*event)[name] : Json();
}

std::optional<double> number(const Json* event, const char* name) {
  const Json value = field(event, name);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

RunFacts facts_told_by(const FeedLogs& feeds) {
  RunFacts facts;
  facts.feed_joined = feeds.of > 0;
  facts.feed_cut_short = feeds.cut_short();
  facts.late_over_1ms = share(feeds, "late_over_1ms_fraction");
  facts.late_over_100ms = share(feeds, "late_over_100ms_fraction");
  facts.late_unexplained = share(feeds, "late_unexplained_fraction");
  for (const FeedLog& feed : feeds.feeds) {
    add_notes(feed, facts);
  }
  return facts;
}

void add_end(const RoleLog& role, RunFacts& facts) {
  const Json* failed = role.last("failed");
  if (failed != nullptr) {
    const Json error = field(failed, "error");
    facts.failures.push_back(
        fmt::format("{} failed: {}", role.role, error.is_string() ? error.get<std::string>() : error.dump()));
  } else if (!role.finished()) {
    facts.unfinished_roles.push_back(role.role);
  }
}

VerdictThresholds thresholds_of(const FeedLogs& feeds) {
  return feeds.feeds.empty() ? VerdictThresholds()
                             : thresholds_in(field(feeds.feeds.front().log.last("started"), "settings"));
}

bool was_interrupted(const FeedLogs& feeds) {
  return std::any_of(feeds.feeds.begin(), feeds.feeds.end(),
                     [](const FeedLog& feed) { return field(feed.end(), "interrupted") == true; });
}

}  // namespace kexp::record
