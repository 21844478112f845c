#include "kexp/feeder/verify.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/core/json.hpp"
#include "kexp/dataset/stored.hpp"
#include "kexp/record/feeds.hpp"
#include "kexp/record/run_directory.hpp"

#include "account.hpp"
#include "checks.hpp"
#include "plan_files.hpp"
#include "plan_table.hpp"
#include "sends_table.hpp"
#include "stretch_row.hpp"
#include "topic_check.hpp"

namespace kexp::feeder {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kSilence{1};  ///< A feed writes every second.

UsageError no_run(const fs::path& run, std::string_view why) {
  return UsageError(fmt::format("RUN {} {}", run.string(), why));
}

Json member(const Json& object, const char* name) {
  return object.is_object() && object.contains(name) ? object[name] : Json();
}

std::string text(const Json& object, const char* name) {
  const Json value = member(object, name);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// One feed of the run, by its own file.
struct Feed {
  record::FeedPart part;
  Json start, sending, cut, failed, end;

  [[nodiscard]] std::string file() const { return part.role() + ".json"; }
  [[nodiscard]] bool finished() const { return !end.is_null(); }
  [[nodiscard]] Json setting(const char* name) const { return member(member(start, "settings"), name); }
};

/// Whether something was written for the feed within the last minute, or is still to come.
bool is_fresh(const fs::path& run, const Feed& feed, Clock& clock) {
  const Json t0 = member(feed.sending, "t0_unix_ns");
  if (t0.is_number_integer() && t0.get<std::int64_t>() > unix_ns(clock.wall_now() - kSilence)) {
    return true;
  }
  const std::array files = {run / feed.file(), run / feed.part.csv("sends"), run / feed.part.csv("seconds")};
  return std::any_of(files.begin(), files.end(), [](const fs::path& file) {
    std::error_code error;
    const auto written = fs::last_write_time(file, error);
    return !error && fs::file_time_type::clock::now() - written < kSilence;
  });
}

/// What a feed that is still there has not written yet would be judged.
void require_ended(const fs::path& run, const Feed& feed, Clock& clock) {
  const auto said = [&](const char* name) { return member(feed.start, name).dump(); };
  if (feed.finished()) {
    return;
  }
  if (record::is_at_work(run, feed.part.role())) {
    throw no_run(run, fmt::format("is being fed by process {} of host {}: verify it when that has ended",
                                  said("pid"), said("host")));
  }
  if (member(feed.start, "host") != host_name() && is_fresh(run, feed, clock)) {
    throw no_run(run, fmt::format("may still be fed on host {}, which cannot be known from here: verify it "
                                  "there, or when nothing was written for a minute",
                                  said("host")));
  }
}

std::vector<Feed> read_feeds(const fs::path& run, Clock& clock) {
  std::vector<Feed> feeds;
  for (const record::FeedPart& part : record::joined_feeds(run)) {
    const auto event = [&](const char* name) { return record::last_event(run, part.role(), name); };
    Feed feed{part, event("started"), event("sending"), event("cut"), event("failed"), event("finished")};
    require_ended(run, feed, clock);
    feeds.push_back(std::move(feed));
  }
  if (feeds.empty()) {
    throw no_run(run, "was not fed");
  }
  return feeds;
}

class Verifier {
 public:
  Verifier(const VerifyOptions& options, const VerifyPorts& ports) : options_(options), ports_(ports) {
    if (!fs::exists(options.run / "run.json")) {
      throw no_run(options.run, fs::exists(options.run) ? "is no run: it has no run.json"
                                                        : "is no run: there is no such folder");
    }
    run_id_ = record::RunDirectory::open(options.run).id();
    feeds_ = read_feeds(options.run, ports.clock);
    try {
      table_ = read_plan_table(options.run);
    } catch (const Error& e) {
      throw no_run(options.run, fmt::format("has no plan to hold anything against: {}", e.what()));
    }
  }

  Verification run(std::stop_token stop) {
    check_plan_sums();
    make_plan_again();
    for (const Feed& feed : feeds_) {
      check_feed(feed);
    }
    check_derived();
    Verification verification;
    if (options_.from_topic) {
      try {
        ask_topic(std::move(stop));
      } catch (const Error&) {
        checks_.give_up();
        verification.topic_error = std::current_exception();
      }
    }
    const Json derived = derive();
    verification.checks = checks_.take();
    verification.verdict = derived["verdict"]["state"];
    verification.reasons = derived["verdict"]["reasons"].get<std::vector<std::string>>();
    verification.unknown = derived["counts"]["unknown"];
    return verification;
  }

 private:
  /// What all that was found makes of the run, whether its disk takes it or not.
  Json derive() {
    const Json topic = feeds_.front().setting("topic");
    if (options_.topic.empty() || topic == options_.topic) {  // What another topic says is not of the run.
      try {
        return record::derive(options_.run);
      } catch (const FailedError& e) {
        checks_.skip(fmt::format("run.json and ledger.json were not derived anew: {}", e.what()));
      }
    }
    return record::derived_from(options_.run)["run"];
  }

  void check_plan_sums() {
    const Json plan = read_json(options_.run / "plan.json");
    checks_.begin("plan.csv adds up to plan.json");
    std::int64_t bytes = 0;
    double end_s = 0;
    for (std::size_t i = 0; i < table_.segments.size(); ++i) {
      const record::PlanSegment& segment = table_.segments[i];
      bytes += segment.bytes;
      const bool follows = std::abs(segment.start_s - end_s) <= 1e-9 * table_.duration_s;
      checks_.compare(fmt::format("plan.csv segment {} start_s", i), fmt::to_string(segment.start_s),
                      fmt::to_string(follows ? segment.start_s : end_s));
      end_s = segment.start_s + segment.duration_s;
    }
    checks_.compare("plan.json images", table_.images, table_.segments.back().end_id);
    checks_.compare("plan.json bytes", table_.bytes, bytes);
    const bool ends = std::abs(end_s - table_.duration_s) <= 1e-9 * table_.duration_s;
    checks_.compare("plan.json duration_s", fmt::to_string(table_.duration_s),
                    fmt::to_string(ends ? table_.duration_s : end_s));
    for (const Feed& feed : feeds_) {
      for (const char* hash : {"plan_hash", "dataset_hash"}) {
        if (!feed.sending.is_null()) {
          checks_.compare(fmt::format("plan.json {}", hash), member(plan, hash).dump(),
                          member(feed.sending, hash).dump());
        }
      }
    }
  }

  /// Needs the dataset as it was; without it the plan is only known by its sums.
  void make_plan_again() {
    const std::optional<dataset::StoredDataset> stored = open_dataset();
    if (!stored) {
      return;
    }
    checks_.begin("plan.json makes a plan");
    try {
      FeederOptions replay;
      replay.plan = options_.run;
      const FeederOptions effective = resolve(replay);
      plan_.options = plan_options(effective, static_cast<std::uint32_t>(*effective.partitions));
      plan_.plan = cycle::Plan::make(plan_.options, stored->sizes());
    } catch (const UsageError& e) {
      checks_.fail(fmt::format("plan.json makes no plan: {}", e.what()));
      return;
    }
    plan_.plan_hash = plan_.plan.hash();
    plan_.dataset_hash = stored->hash();
    has_plan_ = true;
    plan_fits_ = compare_plan();
  }

  /// The dataset that the run was fed from; nothing, and that is told, where it is not at hand.
  std::optional<dataset::StoredDataset> open_dataset() {
    try {
      return open_own_dataset();
    } catch (const UsageError& e) {
      if (!options_.dataset.empty()) {
        throw;
      }
      checks_.skip(
          fmt::format("the plan was not made again, and no row of sends.csv held against it: {}; "
                      "--dataset says where the dataset is",
                      e.what()));
      return std::nullopt;
    }
  }

  [[nodiscard]] dataset::StoredDataset open_own_dataset() const {
    const bool is_given = !options_.dataset.empty();
    const char* const name = is_given ? "--dataset" : "dataset";
    const Json said = feeds_.front().setting("dataset");
    const fs::path file =
        !is_given && said.is_string() ? fs::path(said.get<std::string>()) : options_.dataset;
    if (!fs::exists(file)) {
      throw UsageError(fmt::format("{} {} is not there", name, file.string()));
    }
    auto stored = dataset::StoredDataset::open(file, name);
    const std::string hash = text(read_json(options_.run / "plan.json"), "dataset_hash");
    if (hash != stored.hash()) {
      throw UsageError(fmt::format("{} {} is not that of the run: its hash is {}, not {}", name,
                                   file.string(), stored.hash(), hash));
    }
    return stored;
  }

  /// Whether both files are as the plan that was made again.
  bool compare_plan() {
    checks_.begin("plan.json and plan.csv are what their settings and the dataset make");
    const Json json = read_json(options_.run / "plan.json");
    const std::string csv = read_file(options_.run / "plan.csv");
    checks_.compare_json("plan.json", json, plan_json(plan_), Checks::Extra::wrong);
    checks_.compare_tables("plan.csv", csv, plan_csv(plan_));
    return json == plan_json(plan_) && csv == plan_csv(plan_);
  }

  void check_feed(const Feed& feed) {
    try {
      const bool is_whole = check_rows(feed);
      if (!feed.finished()) {
        checks_.skip(fmt::format("{} has no end: {}, and its tables were not compared", feed.file(),
                                 feed.failed.is_null()
                                     ? "the feed was killed"
                                     : fmt::format("the feed failed ({})", text(feed.failed, "error"))));
        return;
      }
      check_tables(feed, is_whole);
    } catch (const FailedError& e) {
      checks_.fail(e.what());
    }
  }

  void check_tables(const Feed& feed, bool is_whole) {
    checks_.begin(fmt::format("{} says what {} adds up to", feed.file(), feed.part.csv("sends")));
    const Account account = account_for(options_.run, feed.part, plan_fits_ ? &plan_.plan : nullptr);
    checks_.compare_json(feed.file(), feed.end, Json::parse(to_json(account.summary).dump()),
                         Checks::Extra::ignored);
    const bool knows_planned = plan_fits_ || (feed.cut.is_null() && is_whole);
    compare_table(feed, "feed", segments_table(account), knows_planned || feed.part.of == 1);
    compare_table(feed, "seconds", seconds_table(account), knows_planned);
  }

  void compare_table(const Feed& feed, const char* name, const std::string& text, bool knows_planned) {
    const std::string file = feed.part.csv(name);
    if (!knows_planned) {
      checks_.skip(
          fmt::format("what {} says was planned was not compared: not every image has a row, and which "
                      "have none is known by the plan alone",
                      file));
    }
    checks_.begin(fmt::format("{} is what {} adds up to", file, feed.part.csv("sends")));
    checks_.compare_tables(file, fs::exists(options_.run / file) ? read_file(options_.run / file) : "", text,
                           knows_planned ? "" : kPlannedColumns);
  }

  /// Every line of sends.csv: it is a row, of an image of the plan, and the only one of that. Whether every
  /// image that the feed should have come to has one.
  bool check_rows(const Feed& feed) {
    const std::string file = feed.part.csv("sends");
    const Json t0 = member(feed.sending, "t0_unix_ns");
    if (!fs::exists(options_.run / file) || !t0.is_number_integer()) {
      return false;
    }
    checks_.begin(file + (has_plan_ ? " has the images of the plan" : " has every image once"));
    std::vector<bool> has_row(static_cast<std::size_t>(table_.images));
    read_sends_table(
        options_.run / file,
        [&](const Send& send) { check_row(feed, t0.get<std::int64_t>(), send, has_row); },
        [&](std::size_t line) { checks_.fail(fmt::format("{}:{} is no row of it", file, line)); });
    return feed.finished() && check_missing(feed, has_row);
  }

  void check_row(const Feed& feed, std::int64_t t0_unix_ns, const Send& send, std::vector<bool>& has_row) {
    const std::string row = fmt::format("{} image {}", feed.part.csv("sends"), send.id);
    if (send.id >= has_row.size() || !feed.part.plays(send.id)) {
      checks_.compare(row, "sent", "not in the plan of this feed");
      return;
    }
    const auto id = static_cast<std::size_t>(send.id);
    checks_.compare(row, has_row[id] ? "again" : "once", "once");
    has_row[id] = true;
    if (!has_plan_ || id >= plan_.plan.images().size()) {
      return;
    }
    const cycle::PlannedImage& image = plan_.plan.images()[id];
    checks_.compare(row + " bytes", send.bytes, image.bytes);
    checks_.compare(row + " partition", send.partition, image.partition);
    checks_.compare(row + " intended_ns", send.intended_ns,
                    t0_unix_ns + static_cast<std::int64_t>(image.intended_ns));
  }

  /// Holds the images without a row against those that a cut left; without a cut each is named. Whether there
  /// are no others.
  bool check_missing(const Feed& feed, const std::vector<bool>& has_row) {
    const std::string file = feed.part.csv("sends");
    std::int64_t missing = 0;
    for (std::size_t id = feed.part.first(); id < has_row.size(); id += feed.part.of) {
      missing += has_row[id] ? 0 : 1;
      if (!has_row[id] && feed.cut.is_null()) {
        checks_.compare(fmt::format("{} image {}", file, id), "no row", "a row");
      }
    }
    if (!feed.cut.is_null()) {
      checks_.compare(fmt::format("{} images without a row", file), fmt::to_string(missing),
                      member(feed.cut, "never_sent").dump());
    }
    return missing == 0;
  }

  /// run.json and ledger.json as they stand against what derives from the files beside them.
  void check_derived() {
    const auto recorded = [&](const char* name) {
      const fs::path file = options_.run / name;
      return fs::exists(file) ? Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false) : Json();
    };
    const Json run = recorded("run.json");
    const Json ledger = recorded("ledger.json");
    const Json derived = record::derived_from(options_.run);
    if (is_older(run, derived["run"])) {
      checks_.skip(
          "run.json and ledger.json were derived before every role had ended: they were not compared");
      return;
    }
    checks_.begin("run.json and ledger.json follow from the other files");
    checks_.compare_json("ledger.json", ledger, Json::parse(derived["ledger"].dump()), Checks::Extra::wrong);
    checks_.compare_json("run.json", run, Json::parse(derived["run"].dump()), Checks::Extra::wrong);
  }

  /// Whether a role has joined or ended since, or was still at work then: it wrote on.
  static bool is_older(const Json& recorded, const Json& derived) {
    const Json before = member(recorded, "roles");
    const Json now = member(derived, "roles");
    if (!before.is_object() || before.size() != now.size()) {
      return true;
    }
    for (const auto& [role, said] : now.items()) {
      const Json finished = member(member(before, role.c_str()), "finished");
      if (finished.is_null() || finished != member(said, "finished")) {
        return true;
      }
    }
    return false;
  }

  void ask_topic(std::stop_token stop) {
    const Feed& first = feeds_.front();
    const Json topic = first.setting("topic");
    TopicQuestion question;
    question.run = options_.run;
    question.run_id = run_id_;
    question.topic = options_.topic.empty() && topic.is_string() ? topic.get<std::string>() : options_.topic;
    question.is_own = topic == question.topic;
    question.t0_unix_ns = INT64_MAX;
    for (const Feed& feed : feeds_) {
      const Json threads = feed.setting("threads");
      question.feeds.push_back(
          {feed.part, threads.is_number_unsigned() ? threads.get<std::uint32_t>() : 1, feed.finished()});
      if (const Json t0 = member(feed.sending, "t0_unix_ns"); t0.is_number_integer()) {
        question.t0_unix_ns = std::min(question.t0_unix_ns, t0.get<std::int64_t>());
      }
    }
    if (question.t0_unix_ns == INT64_MAX) {
      checks_.skip("no feed began to send: the topic was not read");
      return;
    }
    check_topic(question, table_, has_plan_ ? &plan_.plan : nullptr, options_.client, ports_, checks_,
                std::move(stop));
  }

  const VerifyOptions& options_;
  const VerifyPorts& ports_;
  std::string run_id_;
  std::vector<Feed> feeds_;
  PlanTable table_;
  PreparedPlan plan_;
  bool has_plan_ = false;
  bool plan_fits_ = false;  ///< The run's files say the same plan.
  Checks checks_;
};

}  // namespace

Verification verify(const VerifyOptions& options, const VerifyPorts& ports, std::stop_token stop) {
  return Verifier(options, ports).run(std::move(stop));
}

}  // namespace kexp::feeder
