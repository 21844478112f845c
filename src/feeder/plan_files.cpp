#include "plan_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/file.hpp"

namespace kexp::feeder {

Json settings_json(const FeederOptions& options) {
  Json settings;
  settings["topic"] = options.topic;
  settings["dataset"] = options.dataset.string();
  settings["profile"] = options.curve.profile;
  settings["curve"] = options.curve.curve == cycle::Curve::legacy ? "legacy" : "stretched";
  settings["duration_s"] = options.curve.duration_s;
  settings["breakpoints"] = options.curve.breakpoints;
  settings["n_cycles"] = options.curve.n_cycles;
  if (options.max_images_per_s) {
    settings["max_ips"] = *options.max_images_per_s;
  } else {
    settings["max_mbps"] = options.peak.megabytes_per_second();
  }
  if (options.burst_images > 0) {
    settings["count"] = options.burst_images;
  }
  settings["seed"] = options.seed;
  settings["shuffle"] = options.shuffle;
  settings["servers"] = options.client.servers;
  Json properties = Json::object();
  for (const auto& [name, value] : options.client.properties) {
    properties[name] = kafka::shown_value(name, value);
  }
  settings["properties"] = properties;
  return settings;
}

void write_plan(const std::filesystem::path& directory, const FeederOptions& options,
                const PreparedPlan& prepared) {
  const cycle::Plan& plan = prepared.plan;
  Json json;
  json["settings"] = settings_json(options);
  json["seed"] = options.seed;
  json["partitions"] = prepared.partitions;
  json["dataset_hash"] = prepared.dataset_hash;
  json["plan_hash"] = prepared.plan_hash;
  json["duration_s"] = plan.duration_s();
  json["images"] = plan.images().size();
  json["bytes"] = plan.total_bytes();
  json["largest_image_bytes"] = plan.largest_image();
  write_json(directory / "plan.json", json);

  std::string csv = "segment,start_s,duration_s,target_mbps,bytes,images\n";
  for (std::size_t i = 0; i < plan.segments().size(); ++i) {
    const cycle::SegmentTotals& totals = plan.segments()[i];
    csv += fmt::format("{},{},{},{},{},{}\n", i, totals.segment.start_s, totals.segment.duration_s,
                       totals.target_bytes_per_s / 1e6, totals.bytes, totals.images);
  }
  write_file_atomically(directory / "plan.csv", csv);
}

}  // namespace kexp::feeder
