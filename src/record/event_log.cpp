#include "event_log.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

// Files of a run that end in .json without being a role's.
constexpr std::array<std::string_view, 3> kOtherFiles = {"ledger", "plan", "run"};

std::vector<Json> parse_lines(std::string_view text) {
  std::vector<Json> events;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      break;
    }
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    Json event = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
    if (event.is_object() && event.contains("event") && event["event"].is_string()) {
      events.push_back(std::move(event));
    }
  }
  return events;
}

// A role that was taken up again has not ended: what was its end before is none any more.
void drop_earlier_ends(std::vector<Json>& events) {
  const auto last_start =
      std::find_if(events.rbegin(), events.rend(), [](const Json& e) { return e["event"] == "started"; });
  const auto kept = std::remove_if(events.begin(), last_start.base(), [](const Json& e) {
    return e["event"] == "finished" || e["event"] == "failed";
  });
  events.erase(kept, last_start.base());
}

}  // namespace

const Json* RoleLog::last(std::string_view event) const {
  const auto found =
      std::find_if(events.rbegin(), events.rend(), [&](const Json& e) { return e["event"] == event; });
  return found == events.rend() ? nullptr : &*found;
}

bool was_cut_short(const Json* feed_end) {
  const auto says = [&](const char* name) { return feed_end->contains(name) && (*feed_end)[name] == true; };
  return feed_end != nullptr && (says("interrupted") || says("failed_early"));
}

RoleLog read_role(const fs::path& run, std::string_view role) {
  const fs::path file = run / fmt::format("{}.json", role);
  RoleLog log{std::string(role), {}};
  if (fs::exists(file)) {
    log.events = parse_lines(read_file(file));
    drop_earlier_ends(log.events);
  }
  return log;
}

std::vector<RoleLog> read_roles(const fs::path& run) {
  std::vector<RoleLog> roles;
  for (const fs::directory_entry& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".json" || name.starts_with('.') ||
        std::find(kOtherFiles.begin(), kOtherFiles.end(), name) != kOtherFiles.end()) {
      continue;
    }
    RoleLog log = read_role(run, name);
    if (log.last("started") != nullptr) {  // Else a file of somebody else, or of a join that was killed.
      roles.push_back(std::move(log));
    }
  }
  std::sort(roles.begin(), roles.end(), [](const RoleLog& a, const RoleLog& b) { return a.role < b.role; });
  return roles;
}

Json last_event(const fs::path& run, std::string_view role, std::string_view event) {
  const RoleLog log = on_disk("read", [&] { return read_role(run, role); });
  const Json* found = log.last(event);
  return found == nullptr ? Json() : *found;
}

}  // namespace kexp::record
