#include "fed_run.hpp"

#include <fstream>

#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/record/run_directory.hpp"

#include "account.hpp"

namespace kexp::feeder {

namespace {

constexpr WallTime kStart{Nanoseconds(FedRun::kT0) - std::chrono::milliseconds(500)};

}  // namespace

FedRun::FedRun(std::filesystem::path run, int seconds, int per_segment, std::string_view settings,
               const record::FeedPart& part)
    : run_(std::move(run)),
      part_(part),
      images_(static_cast<std::int64_t>(seconds) * per_segment),
      step_ns_(1'000'000'000 / per_segment),
      has_row_(static_cast<std::size_t>(images_)) {
  Json effective{{"topic", "yolo_input"}, {"shard", fmt::format("{}/{}", part.index, part.of)}};
  effective.update(parse_json(settings, "settings"));
  static_cast<void>(record::RunDirectory::join(run_, part.role(), effective, kStart));
  note("sending", {{"t0", format_utc(WallTime(Nanoseconds(kT0)))},
                   {"t0_unix_ns", kT0},
                   {"plan_hash", "ab"},
                   {"dataset_hash", "cd"}});
  write_json(run_ / "plan.json", {{"settings", {{"profile", "constant"}}},
                                  {"seed", 1},
                                  {"partitions", 2},
                                  {"dataset_hash", "cd"},
                                  {"plan_hash", "ab"},
                                  {"duration_s", seconds},
                                  {"images", images_},
                                  {"bytes", images_ * 1000},
                                  {"largest_image_bytes", 1000}});
  std::ofstream plan(run_ / "plan.csv");
  plan << "segment,start_s,duration_s,target_mbps,bytes,images\n";
  for (int i = 0; i < seconds; ++i) {
    plan << fmt::format("{},{},1,{},{},{}\n", i, i, per_segment / 1e3, per_segment * 1000, per_segment);
  }
}

std::int64_t FedRun::intended(std::int64_t id) const { return kT0 + id * step_ns_ + step_ns_ / 2; }

void FedRun::row(std::int64_t id, const std::string& times, std::string_view status) {
  has_row_.at(static_cast<std::size_t>(id)) = true;
  const std::string offset = status == "acknowledged" ? fmt::format("{}", id / 2) : "";
  rows_ += fmt::format("{},1000,{},{},{},{},{}\n", id, id % 2, offset, intended(id), times, status);
}

void FedRun::acknowledged(std::int64_t id, std::int64_t late_ns, std::int64_t delivery_ns) {
  row(id, fmt::format("{},{}", intended(id) + late_ns, intended(id) + delivery_ns), "acknowledged");
}

void FedRun::acknowledge_rest(std::int64_t late_ns, std::int64_t delivery_ns) {
  for (std::int64_t id = 0; id < images_; ++id) {
    if (!has_row_[static_cast<std::size_t>(id)] && part_.plays(static_cast<std::uint64_t>(id))) {
      acknowledged(id, late_ns, delivery_ns);
    }
  }
}

void FedRun::failed(std::int64_t id, std::int64_t late_ns, std::int64_t delivery_ns) {
  row(id, fmt::format("{},{}", intended(id) + late_ns, intended(id) + delivery_ns), "failed:_MSG_TIMED_OUT");
}

void FedRun::unknown(std::int64_t id, std::int64_t late_ns) {
  row(id, fmt::format("{},", intended(id) + late_ns), "unknown");
}

void FedRun::dropped(std::int64_t id) { row(id, ",", "dropped"); }

void FedRun::note(std::string_view event, const Json& fields) const {
  Json line{{"event", event}, {"time", "2026-11-21T18:00:00.000Z"}};
  line.update(fields);
  std::ofstream(run_ / fmt::format("{}.json", part_.role()), std::ios::app) << line.dump() << '\n';
}

void FedRun::write() const {
  std::ofstream(run_ / part_.csv("sends"))
      << "id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n"
      << rows_;
}

void FedRun::finish(std::string_view fields) const {
  write();
  const Account account = account_for(run_, part_);
  write_feed_tables(run_, account, part_);
  Json end = to_json(account.summary);
  end.update({{"interrupted", false}, {"failed_early", false}, {"queue_full", 0}});
  end.update(parse_json(fields, "fields"));
  note("finished", end);
  static_cast<void>(record::derive(run_));
}

}  // namespace kexp::feeder
