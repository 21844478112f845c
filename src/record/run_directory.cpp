#include "kexp/record/run_directory.hpp"

#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/version.hpp"

#include "feed_facts.hpp"
#include "run_files.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

// True when nothing is inside but what a join leaves there that was killed before run.json.
bool is_unused(const fs::path& directory) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name != kLockFile && !name.starts_with(fmt::format(".{}.", kRunFile))) {
      return false;
    }
  }
  return true;
}

UsageError no_run(const fs::path& directory, std::string_view why) {
  return UsageError(fmt::format("--run {} {}", directory.string(), why));
}

// Makes the folder unless it is there; refuses one that holds something else.
void prepare(const fs::path& directory) {
  if (fs::exists(directory) && !fs::is_directory(directory)) {
    throw no_run(directory, "is a file; give a folder");
  }
  fs::create_directories(directory);
  // In this order: whoever joins meanwhile writes run.json before anything else, so what was seen of it is
  // explained.
  if (!is_unused(directory) && !fs::exists(directory / kRunFile)) {
    throw no_run(directory, "is not empty and is no run; give a new folder, or that of a run");
  }
}

// Does `action` with the folder of a run.
template <typename Action>
auto in_run(const Action& action) {
  return on_disk("use --run", action);
}

// The id in run.json. Errors: UsageError when that is no file of ours.
std::string read_id(const fs::path& directory) {
  const Json run = Json::parse(read_file(directory / kRunFile), nullptr, /*allow_exceptions=*/false);
  if (!run.is_object() || !run.contains("id") || !run["id"].is_string()) {
    throw no_run(directory, "holds a run.json that is not of kexp");
  }
  return run["id"].get<std::string>();
}

// Joins the run of `directory`, or makes one with the id `new_id`. Requires: the lock is held.
std::string join_or_make(const fs::path& directory, const std::string& new_id, WallTime now) {
  if (fs::exists(directory / kRunFile)) {
    return read_id(directory);
  }
  write_json(directory / kRunFile, {{"id", new_id}, {"created", format_utc(now)}});
  return new_id;
}

std::string event_line(std::string_view event, const Json& fields, WallTime now) {
  Json line{{"event", event}, {"time", format_utc(now)}};
  line.update(fields);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

Json start_fields(std::string_view role, const std::string& id, const Json& settings) {
  return {{"role", role},         {"run", id},           {"host", host_name()}, {"pid", getpid()},
          {"version", version()}, {"settings", settings}};
}

// What was killed within a line leaves no line end, and the next event would be lost with it.
void end_torn_line(const fs::path& events) {
  const std::string text = read_file(events);
  if (!text.empty() && text.back() != '\n') {
    AppendFile file(events);
    file.write("\n");
    file.flush();
  }
}

// As it may be shown; "?" when there is none.
std::string field_text(const Json& event, const char* name) {
  const Json value = field(&event, name);
  return value.is_null() ? "?" : value.is_string() ? value.get<std::string>() : value.dump();
}

void check_role(std::string_view role) {
  if (!is_plain_name(std::string(role)) || role == "run" || role == "ledger" || role == "plan") {
    throw std::logic_error(fmt::format("\"{}\" cannot be a role", role));
  }
}

}  // namespace

RunDirectory::RunDirectory(fs::path path, std::string id, std::string role)
    : path_(std::move(path)), id_(std::move(id)), role_(std::move(role)) {}

RunDirectory RunDirectory::join(const fs::path& directory, std::string_view role, const Json& settings,
                                WallTime now, std::stop_token stop) {
  return join_as(directory, make_run_id(now), role, settings, now, Again::no, stop);
}

RunDirectory RunDirectory::join_again(const fs::path& directory, std::string_view role, const Json& settings,
                                      WallTime now, std::stop_token stop) {
  return join_as(directory, make_run_id(now), role, settings, now, Again::yes, stop);
}

RunDirectory RunDirectory::join(const fs::path& directory, std::string_view role, const Json& settings,
                                WallTime now, const std::string& id, std::stop_token stop) {
  if (in_run([&] { return fs::exists(directory / kRunFile); }) && read_id(directory) != id) {
    throw no_run(directory, fmt::format("is run {}, and this would be a part of run {}; give another folder",
                                        read_id(directory), id));
  }
  return join_as(directory, id, role, settings, now, Again::no, stop);
}

RunDirectory RunDirectory::create_default(const fs::path& root, std::string_view role, const Json& settings,
                                          WallTime now, std::stop_token stop) {
  std::string id = make_run_id(now);
  while (in_run([&] { return fs::exists(root / id); })) {
    id = make_run_id(now);
  }
  return join_as(root / id, id, role, settings, now, Again::no, stop);
}

RunDirectory RunDirectory::join_as(const fs::path& directory, const std::string& new_id,
                                   std::string_view role, const Json& settings, WallTime now, Again again,
                                   const std::stop_token& stop) {
  check_role(role);
  return in_run([&] {
    prepare(directory);
    const FileLock lock = FileLock::acquire(directory / kLockFile, stop);
    RunDirectory run(directory, join_or_make(directory, new_id, now), std::string(role));
    const fs::path events = run.file(fmt::format("{}.json", role));
    if (again == Again::no && fs::exists(events)) {
      throw no_run(directory, fmt::format("has a {} already ({} is there); give another --run", role,
                                          events.filename().string()));
    }
    run.lock_role();
    end_torn_line(events);
    run.append("started", start_fields(role, run.id_, settings), now);
    return run;
  });
}

void RunDirectory::lock_role() {
  auto lock = FileLock::try_acquire(file(fmt::format("{}.json", role_)));
  if (!lock) {
    const Json start = last_event(path_, role_, "started");
    throw no_run(path_, fmt::format("has a {} at work (process {} on {}); wait for its end, or stop it",
                                    role_, field_text(start, "pid"), field_text(start, "host")));
  }
  at_work_ = std::make_shared<const FileLock>(std::move(*lock));
}

bool is_at_work(const fs::path& run, std::string_view role) {
  const fs::path file = run / fmt::format("{}.json", role);
  const int fd =
      ::open(file.c_str(), O_RDONLY | O_CLOEXEC);  // A run that may only be read can be asked, too.
  if (fd < 0) {
    return false;
  }
  const bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  return is_held;
}

RunDirectory RunDirectory::open(const fs::path& directory) {
  if (!in_run([&] { return fs::exists(directory / kRunFile); })) {
    const bool is_there = in_run([&] { return fs::exists(directory); });
    throw no_run(directory,
                 is_there ? "is no run: it has no run.json" : "is no run: there is no such folder");
  }
  return RunDirectory(directory, read_id(directory), "");
}

void RunDirectory::append(std::string_view event, const Json& fields, WallTime now) {
  if (role_.empty()) {
    throw std::logic_error("a run that was only opened takes no events");
  }
  AppendFile file(path_ / fmt::format("{}.json", role_));
  file.write(event_line(event, fields, now));
  file.flush();
}

}  // namespace kexp::record
