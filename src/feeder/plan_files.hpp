#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kexp/core/json_fwd.hpp"
#include "kexp/feeder/feeder.hpp"

namespace kexp::feeder {

/// The effective settings of a feed, as feed.json holds them.
[[nodiscard]] Json settings_json(const FeederOptions& options);

/// The fields of plan.json and feed.json about the bytes of partitions.
[[nodiscard]] Json skew_json(const cycle::PartitionSkew& skew);

/// What plan.json and plan.csv hold.
[[nodiscard]] Json plan_json(const PreparedPlan& prepared);
[[nodiscard]] std::string plan_csv(const PreparedPlan& prepared);

/// Writes both into `directory`, which exists: of the whole plan, so each shard writes the same bytes.
void write_plan(const std::filesystem::path& directory, const PreparedPlan& prepared);

/// What the plan of these options is made of.
[[nodiscard]] cycle::PlanOptions plan_options(const FeederOptions& options, std::uint32_t partitions);

/// `options` as they take effect: with --plan, all that makes the plan (and the number of partitions) is what
/// that folder's plan.json says. Errors: UsageError naming --plan and what is wrong with the file.
[[nodiscard]] FeederOptions resolve(const FeederOptions& options);

/// Makes the plan of effective options. Errors: UsageError naming the flag, and --plan when dataset,
/// partitions or plan are not those of its plan.json.
[[nodiscard]] PreparedPlan make_plan(const FeederOptions& effective, const std::vector<std::uint64_t>& sizes,
                                     const std::string& dataset_hash, std::uint32_t partitions);

}  // namespace kexp::feeder
