#include "plan_files.hpp"

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/core/time_text.hpp"

namespace kexp::feeder {
namespace {

constexpr const char* kPlanFile = "plan.json";

bool is_file_profile(const cycle::CurveOptions& curve) {
  return curve.profile.find(':') != std::string::npos;
}

/// What the plan is made of, but for the dataset; doubles are written so that they are read back exactly.
Json plan_settings(const cycle::PlanOptions& options) {
  Json settings;
  settings["profile"] = options.curve.profile;
  settings["curve"] = cycle::name_of(cycle::kCurveNames, options.curve.curve);
  settings["duration_s"] = options.curve.duration_s;
  settings["breakpoints"] = options.curve.breakpoints;
  settings["n_cycles"] = options.curve.n_cycles;
  if (options.peak_images_per_s) {
    settings["max_ips"] = *options.peak_images_per_s;
  } else {
    settings["max_mbps"] = options.peak_bytes_per_s / 1e6;
    settings["peak_bytes_per_s"] = options.peak_bytes_per_s;  // The other one is rounded.
  }
  if (options.burst_images > 0) {
    settings["count"] = options.burst_images;
  }
  settings["arrival"] = cycle::name_of(cycle::kArrivalNames, options.arrival);
  settings["partitioner"] = cycle::name_of(cycle::kPartitionerNames, options.partitioner);
  settings["seed"] = options.seed;
  settings["shuffle"] = options.shuffle;
  return settings;
}

Json segments_json(const cycle::Plan& plan) {
  Json segments = Json::array();
  for (const cycle::SegmentTotals& totals : plan.segments()) {
    segments.push_back({{"start_s", totals.segment.start_s},
                        {"duration_s", totals.segment.duration_s},
                        {"fraction", totals.segment.fraction}});
  }
  return segments;
}

/// A plan.json that is to be played again; every error names --plan.
class StoredPlan {
 public:
  explicit StoredPlan(const std::filesystem::path& folder) : folder_(folder) {
    try {
      json_ = read_json(folder / kPlanFile);
    } catch (const Error& e) {
      throw UsageError(fmt::format("--plan {}: {}", folder.string(), e.what()));
    }
    settings_ = field<Json>(json_, "settings");
  }

  [[nodiscard]] std::uint32_t partitions() const { return field<std::uint32_t>(json_, "partitions"); }
  [[nodiscard]] std::string dataset_hash() const { return field<std::string>(json_, "dataset_hash"); }
  [[nodiscard]] std::string plan_hash() const { return field<std::string>(json_, "plan_hash"); }

  /// Puts what makes the plan into `options`.
  void apply_to(FeederOptions& options) const {
    options.curve = curve();
    options.max_images_per_s.reset();
    if (settings_.contains("max_ips")) {
      options.max_images_per_s = field<double>(settings_, "max_ips");
    } else {
      options.peak = ByteRate::bytes_per_second(field<double>(settings_, "peak_bytes_per_s"));
    }
    options.burst_images = settings_.contains("count") ? field<std::uint64_t>(settings_, "count") : 0;
    options.arrival = choice("arrival", cycle::kArrivalNames);
    options.partitioner = choice("partitioner", cycle::kPartitionerNames);
    options.seed = field<std::uint64_t>(settings_, "seed");
    options.shuffle = field<bool>(settings_, "shuffle");
    options.partitions = static_cast<int>(partitions());
    try {
      validate(options);
    } catch (const UsageError& e) {
      fail(e.what());
    }
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw UsageError(fmt::format("--plan {}: {}: {}", folder_.string(), kPlanFile, why));
  }

 private:
  /// The value of a key, which must be one of that type and in its range.
  template <typename Value>
  Value field(const Json& object, const char* name) const {
    try {
      const Json& json = object.at(name);
      Value value = json.get<Value>();
      const bool wrapped_around = Json(value).is_number_unsigned() && !json.is_number_unsigned();
      if (Json(value) == json && !wrapped_around) {
        return value;
      }
    } catch (const Json::exception&) {
      // Told below, as what is out of range is.
    }
    fail(fmt::format("\"{}\" is missing or not what kexp writes there", name));
  }

  template <typename Value, std::size_t kCount>
  Value choice(const char* name, const cycle::Names<Value, kCount>& names) const {
    const auto text = field<std::string>(settings_, name);
    if (const auto value = cycle::value_named(names, text)) {
      return *value;
    }
    fail(fmt::format("\"{}\" is \"{}\", which this kexp does not know", name, text));
  }

  cycle::CurveOptions curve() const {
    cycle::CurveOptions curve;
    curve.profile = field<std::string>(settings_, "profile");
    curve.curve = choice("curve", cycle::kCurveNames);
    curve.duration_s = field<double>(settings_, "duration_s");
    curve.breakpoints = field<int>(settings_, "breakpoints");
    curve.n_cycles = field<int>(settings_, "n_cycles");
    if (is_file_profile(curve)) {
      curve.read_segments = segments();
    }
    return curve;
  }

  std::vector<cycle::Segment> segments() const {
    std::vector<cycle::Segment> segments;
    for (const Json& json : field<Json>(json_, "segments")) {
      const cycle::Segment segment{field<double>(json, "start_s"), field<double>(json, "duration_s"),
                                   field<double>(json, "fraction")};
      if (segment.start_s < 0 || segment.duration_s <= 0 || segment.fraction < 0) {
        fail("a segment has a negative start, duration or fraction");
      }
      segments.push_back(segment);
    }
    if (segments.empty()) {
      fail("it has no segments");
    }
    return segments;
  }

  std::filesystem::path folder_;
  Json json_;
  Json settings_;
};

/// What names a plan in the plan.json of `folder`. Errors: UsageError naming --out when there is none.
std::pair<std::string, std::string> hashes_in(const std::filesystem::path& folder) {
  try {
    const Json plan = read_json(folder / kPlanFile);
    return {plan.at("plan_hash").get<std::string>(), plan.at("dataset_hash").get<std::string>()};
  } catch (const Error& e) {
    throw UsageError(fmt::format("--out {} is not empty and holds no plan ({}): give a new folder",
                                 folder.string(), e.what()));
  } catch (const Json::exception&) {
    throw UsageError(
        fmt::format("--out {} holds a plan.json that is not of kexp: give a new folder", folder.string()));
  }
}

void require_same_plan(const std::filesystem::path& folder, const PreparedPlan& prepared) {
  const auto [plan_hash, dataset_hash] = hashes_in(folder);
  if (plan_hash != prepared.plan_hash) {
    throw UsageError(fmt::format("--out {} holds another plan, {}: this one is {}; give a new folder",
                                 folder.string(), plan_hash, prepared.plan_hash));
  }
  if (dataset_hash != prepared.dataset_hash) {  // With images of the same sizes.
    throw UsageError(
        fmt::format("--out {} holds the plan for another dataset, {}: this one is {}; give a new folder",
                    folder.string(), dataset_hash, prepared.dataset_hash));
  }
}

}  // namespace

Json skew_json(const cycle::PartitionSkew& skew) {
  return {{"min", skew.least_bytes},
          {"mean", skew.mean_bytes},
          {"max", skew.most_bytes},
          {"cv", skew.cv},
          {"max_over_mean", skew.most_over_mean}};
}

cycle::PlanOptions plan_options(const FeederOptions& options, std::uint32_t partitions) {
  cycle::PlanOptions plan;
  plan.curve = options.curve;
  plan.peak_bytes_per_s = options.peak.bytes_per_second();
  plan.peak_images_per_s = options.max_images_per_s;
  plan.burst_images = options.burst_images;
  plan.partitions = partitions;
  plan.seed = options.seed;
  plan.shuffle = options.shuffle;
  plan.arrival = options.arrival;
  plan.partitioner = options.partitioner;
  return plan;
}

Json settings_json(const FeederOptions& options) {
  Json settings;
  settings["topic"] = options.topic;
  settings["dataset"] = std::filesystem::absolute(options.dataset).lexically_normal().string();
  settings.update(plan_settings(plan_options(options, 1)));
  if (!options.plan.empty()) {
    settings["plan"] = options.plan.string();
  }
  settings["threads"] = options.threads;
  settings["shard"] = fmt::format("{}/{}", options.shard.index, options.shard.of);
  if (options.t0) {
    settings["t0"] = format_utc(*options.t0);
  }
  settings["on_overload"] = cycle::name_of(kOverloadNames, options.on_overload);
  settings["max_debt_s"] = seconds(options.max_debt);
  settings["dataset_memory_bytes"] = options.dataset_memory_bytes;
  settings["thresholds"] = record::to_json(options.thresholds);
  settings["force"] = options.force;
  settings["broker_clock"] = options.broker_clock;
  settings["delivery_timeout_s"] = options.delivery_timeout.count();
  settings["servers"] = options.client.servers;
  Json properties = Json::object();
  for (const auto& [name, value] : options.client.properties) {
    properties[name] = kafka::shown_value(name, value);
  }
  settings["properties"] = properties;
  return settings;
}

FeederOptions resolve(const FeederOptions& options) {
  FeederOptions effective = options;
  if (!options.plan.empty()) {
    StoredPlan(options.plan).apply_to(effective);
  }
  return effective;
}

PreparedPlan make_plan(const FeederOptions& effective, const std::vector<std::uint64_t>& sizes,
                       const std::string& dataset_hash, std::uint32_t partitions) {
  std::optional<StoredPlan> stored;
  if (!effective.plan.empty()) {
    stored.emplace(effective.plan);
    if (stored->partitions() != partitions) {
      stored->fail(
          fmt::format("it is a plan for {} partition{}, topic {} has {}: plan again with --partitions {}",
                      stored->partitions(), stored->partitions() == 1 ? "" : "s", effective.topic, partitions,
                      partitions));
    }
    if (stored->dataset_hash() != dataset_hash) {
      stored->fail(fmt::format("the dataset hash is {}, that of --dataset {} is {}: it is another dataset",
                               stored->dataset_hash(), effective.dataset.string(), dataset_hash));
    }
  }
  PreparedPlan prepared;
  prepared.options = plan_options(effective, partitions);
  prepared.plan = cycle::Plan::make(prepared.options, sizes);
  prepared.plan_hash = prepared.plan.hash();
  prepared.dataset_hash = dataset_hash;
  if (stored && stored->plan_hash() != prepared.plan_hash) {
    stored->fail(
        fmt::format("the plan hash is {}, the plan made of these settings has {}: it was changed, or "
                    "another version of kexp made it",
                    stored->plan_hash(), prepared.plan_hash));
  }
  const std::filesystem::path table = effective.plan / "plan.csv";
  if (stored && on_disk("read", [&] { return std::filesystem::exists(table); }) &&
      read_file(table) != plan_csv(prepared)) {
    stored->fail(
        "plan.csv beside it is not what its settings make: a changed table is not played, plan again");
  }
  return prepared;
}

Json plan_json(const PreparedPlan& prepared) {
  const cycle::Plan& plan = prepared.plan;
  Json json;
  json["settings"] = plan_settings(prepared.options);
  json["seed"] = prepared.options.seed;
  json["partitions"] = prepared.options.partitions;
  json["dataset_hash"] = prepared.dataset_hash;
  json["plan_hash"] = prepared.plan_hash;
  json["duration_s"] = plan.duration_s();
  json["images"] = plan.images().size();
  json["bytes"] = plan.total_bytes();
  json["largest_image_bytes"] = plan.largest_image();
  json["partition_bytes"] = skew_json(cycle::skew_of(plan.partition_bytes()));
  if (is_file_profile(prepared.options.curve)) {
    json["segments"] = segments_json(plan);  // The file may be gone or changed when the plan is played again.
  }
  return json;
}

std::string plan_csv(const PreparedPlan& prepared) {
  std::string csv = "segment,start_s,duration_s,target_mbps,bytes,images\n";
  const auto& segments = prepared.plan.segments();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const cycle::SegmentTotals& totals = segments[i];
    csv += fmt::format("{},{},{},{},{},{}\n", i, totals.segment.start_s, totals.segment.duration_s,
                       totals.target_bytes_per_s / 1e6, totals.bytes, totals.images);
  }
  return csv;
}

void write_plan(const std::filesystem::path& directory, const PreparedPlan& prepared) {
  write_json(directory / kPlanFile, plan_json(prepared));
  write_file_atomically(directory / "plan.csv", plan_csv(prepared));
}

void keep_plan(const std::filesystem::path& folder, const PreparedPlan& prepared) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const bool is_empty = !error && std::filesystem::is_empty(folder, error);
  if (error) {
    throw UsageError(fmt::format("--out {} cannot be a folder: {}", folder.string(), error.message()));
  }
  if (is_empty) {
    write_plan(folder, prepared);
  } else {
    require_same_plan(folder, prepared);
  }
}

}  // namespace kexp::feeder
