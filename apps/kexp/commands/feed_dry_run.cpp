#include "commands/feed_dry_run.hpp"

#include <algorithm>
#include <chrono>
#include <ostream>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/units.hpp"
#include "kexp/feeder/plan_plot.hpp"
#include "kexp/kafka/librdkafka.hpp"

namespace kexp::cli {
namespace {

/// What the user should know of the plan; `options` are those that it was asked for with.
std::vector<std::string> warnings(const feeder::FeederOptions& options,
                                  const feeder::PreparedPlan& prepared) {
  std::vector<std::string> found = feeder::warnings(prepared.plan);
  if (options.plan.empty() && !options.partitions) {
    found.emplace_back(
        "--partitions was not given: this is the plan for a topic with 1 partition; one with more gets "
        "another, with another hash");
  }
  return found;
}

Json plan_json(const feeder::FeederOptions& options, const feeder::PreparedPlan& prepared) {
  const cycle::Plan& plan = prepared.plan;
  const cycle::PartitionSkew skew = cycle::skew_of(plan.partition_bytes());
  return {{"images", plan.images().size()},
          {"bytes", plan.total_bytes()},
          {"largest_image_bytes", plan.largest_image()},
          {"duration_s", plan.duration_s()},
          {"mean_mbps", plan.mean_bytes_per_s() / 1e6},
          {"peak_mbps", plan.peak_bytes_per_s() / 1e6},
          {"partitions", prepared.options.partitions},
          {"partition_cv", skew.cv},
          {"partition_max_over_mean", skew.most_over_mean},
          {"segments", plan.segments().size()},
          {"plan_hash", prepared.plan_hash},
          {"dataset_hash", prepared.dataset_hash},
          {"warnings", warnings(options, prepared)}};
}

void print_plan(std::ostream& out, const feeder::FeederOptions& options,
                const feeder::PreparedPlan& prepared) {
  const cycle::Plan& plan = prepared.plan;
  const cycle::PartitionSkew skew = cycle::skew_of(plan.partition_bytes());
  const auto duration = std::chrono::nanoseconds(static_cast<std::int64_t>(plan.duration_s() * 1e9));
  out << fmt::format("planned    {} images, {} in {}; the largest {}\n", plan.images().size(),
                     format_bytes(static_cast<double>(plan.total_bytes())), format_duration(duration),
                     format_bytes(static_cast<double>(plan.largest_image())));
  if (plan.duration_s() > 0) {
    // Not of the same: whole images may make the average of a short run more than the curve's peak.
    out << fmt::format("rate       {:.3f} MB/s of images on average, the curve's peak is {:.3f}\n",
                       plan.mean_bytes_per_s() / 1e6, plan.peak_bytes_per_s() / 1e6);
  }
  out << fmt::format("segments   {}\n", plan.segments().size());
  out << fmt::format("partitions {}, {} each; the fullest {:.2f} % above, CV {:.2f} %\n",
                     prepared.options.partitions, format_bytes(skew.mean_bytes),
                     100 * std::max(0.0, skew.most_over_mean - 1), 100 * skew.cv);
  out << fmt::format("plan       {}\ndataset    {}\n", prepared.plan_hash, prepared.dataset_hash);
  for (const std::string& warning : warnings(options, prepared)) {
    out << fmt::format("warning    {}\n", warning);
  }
  if (const std::string plot = feeder::plot(plan); !plot.empty()) {
    out << '\n' << plot;
  }
}

void require_time_to_come(const feeder::FeederOptions& options, const Clock& clock) {
  const WallTime now = clock.wall_now();
  if (options.t0 && *options.t0 <= now) {
    throw UsageError(
        fmt::format("--t0 {} has passed; it is {} now", format_utc(*options.t0), format_utc(now)));
  }
}

}  // namespace

ExitCode run_dry(const FeedFlags& flags, const feeder::FeederOptions& options, Context& context) {
  (void)endpoint_options(flags.metrics, "feed");
  require_time_to_come(options, context.clock);
  const feeder::PreparedPlan prepared = feeder::prepare_plan(options);
  kafka::check_producer(feeder::producer_options(options, prepared.plan), context.log);
  if (!flags.out.empty()) {
    feeder::keep_plan(flags.out, prepared);
  }
  if (flags.json) {
    context.out << plan_json(options, prepared).dump(2) << '\n';
  } else {
    print_plan(context.out, options, prepared);
  }
  return ExitCode::ok;
}

}  // namespace kexp::cli
