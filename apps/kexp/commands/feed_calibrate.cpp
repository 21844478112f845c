#include "commands/feed_calibrate.hpp"

#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/core/units.hpp"
#include "kexp/feeder/calibrate.hpp"
#include "kexp/kafka/options.hpp"

#include "feed_flags.hpp"

namespace kexp::cli {
namespace {

struct CalibrateFlags {
  feeder::CalibrateOptions options;
  std::string dataset;
  long duration_s = options.duration.count();
  double most_mb = static_cast<double>(options.most_bytes) / 1e6;
  std::vector<std::string> properties;
  bool json = false;
};

std::string rate_text(const feeder::CalibratedRate& rate) {
  return fmt::format("{:<20} {:.0f} images/s, {:.1f} MB/s; {:.3f} core-s/GB",
                     fmt::format("{} {}", rate.dataset.empty() ? "images of" : "the dataset's,",
                                 format_bytes(rate.image_bytes)),
                     rate.images_per_s, rate.megabytes_per_s, rate.cpu_s_per_gb);
}

void print_calibration(std::ostream& out, const feeder::Calibration& calibration) {
  const auto line = [&](const char* what, const stats::Summary& lateness) {
    out << fmt::format("{:<20} p50 {:.3f} ms, p99 {:.3f} ms, max {:.3f} ms\n", what, lateness.p50_ms,
                       lateness.p99_ms, lateness.max_ms);
  };
  line("lateness at 50/s", calibration.lateness_50);
  line("lateness at 1000/s", calibration.lateness_1000);
  for (const feeder::CalibratedRate& rate : calibration.rates) {
    out << rate_text(rate) << '\n';
  }
  for (const feeder::LeftOutRate& left : calibration.left_out) {
    out << fmt::format("{}: left out, as {}\n", rate_text(left.rate), left.because);
  }
  if (!calibration.left_out.empty()) {
    out << "something else was at work: calibrate again for the sizes that were left out\n";
  }
}

ExitCode run_calibrate(const CalibrateFlags& flags, Context& context) {
  feeder::CalibrateOptions options = flags.options;
  options.dataset = flags.dataset;
  options.duration = std::chrono::seconds(flags.duration_s);
  options.most_bytes = bytes_of_megabytes(flags.most_mb, "--most-mb");
  for (const std::string& property : flags.properties) {
    options.client.properties.push_back(kafka::parse_property(property));
  }
  const feeder::Calibration calibration =
      feeder::calibrate(options, {context.kafka, context.clock, context.log, context.progress}, context.stop);
  if (flags.json) {
    context.out << feeder::to_json(calibration).dump(2) << '\n';
  } else {
    print_calibration(context.out, calibration);
  }
  feeder::store(calibration);
  context.progress.report(
      {"calibrate",
       "kept",
       {{"servers", calibration.servers}, {"file", feeder::calibration_file(calibration.cluster).string()}}});
  return ExitCode::ok;
}

void add_flags(CLI::App& calibrate, CalibrateFlags& flags) {
  calibrate.add_option("--dataset", flags.dataset,
                       "Images to send besides random ones of 1 kB to 1 MB, HDF5 (KEXP_DATASET)");
  calibrate.add_option("--duration", flags.duration_s, "Seconds that it may take")->capture_default_str();
  calibrate.add_option("--partitions", flags.options.partitions, "Partitions of the topic made for it")
      ->capture_default_str();
  calibrate.add_option("--replication", flags.options.replication, "Copies of each of them")
      ->capture_default_str();
  calibrate.add_option("--most-mb", flags.most_mb, "Most that is written to the broker's disk, in MB")
      ->capture_default_str();
  add_servers(calibrate, flags.options.client.servers);
  add_kafka_properties(calibrate, flags.properties);
  add_json(calibrate, flags.json);
}

}  // namespace

CommandRun add_feed_calibrate(CLI::App& command) {
  auto flags = std::make_shared<CalibrateFlags>();
  add_flags(command, *flags);
  return [flags](Context& context) { return run_calibrate(*flags, context); };
}

}  // namespace kexp::cli
