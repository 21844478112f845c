#include "feed_images.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/free_memory.hpp"
#include "kexp/core/json.hpp"
#include "kexp/kafka/options.hpp"

#include "memory_source.hpp"
#include "streaming_source.hpp"

namespace kexp::feeder {
namespace {

/// What --dataset-memory says, else half of what is free; a plan is made without any.
std::uint64_t memory_for(const FeederOptions& options, FeedImages::Keep keep) {
  if (keep == FeedImages::Keep::index) {
    return 0;
  }
  if (options.dataset_memory_bytes > 0) {
    return static_cast<std::uint64_t>(options.dataset_memory_bytes);
  }
  const std::optional<FreeMemory> free = read_free_memory();
  return free ? static_cast<std::uint64_t>(free->bytes) / 2 : std::numeric_limits<std::uint64_t>::max();
}

std::vector<std::uint64_t> sizes_of(const dataset::Dataset& dataset) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(dataset.items().size());
  for (const dataset::Dataset::Item& item : dataset.items()) {
    sizes.push_back(item.bytes.size());
  }
  return sizes;
}
const std::vector<std::uint64_t>& sizes_of(const dataset::StoredDataset& dataset) { return dataset.sizes(); }

void check_sizes(const std::vector<std::uint64_t>& sizes, const FeederOptions& options) {
  const auto too_large = std::find_if(sizes.begin(), sizes.end(), [](std::uint64_t bytes) {
    return bytes > static_cast<std::uint64_t>(kafka::kMaxImageBytes);
  });
  if (too_large != sizes.end()) {
    throw UsageError(fmt::format("--dataset {}: image {} has {} bytes, at most {} can be sent",
                                 options.dataset.string(), too_large - sizes.begin(), *too_large,
                                 kafka::kMaxImageBytes));
  }
}

}  // namespace

FeedImages::FeedImages(const FeederOptions& options, Keep keep)
    : shard_(options.shard),
      memory_bytes_(memory_for(options, keep)),
      dataset_(dataset::read_within(memory_bytes_, options.dataset)) {
  check_sizes(sizes(), options);
  hash_ = std::visit([](const auto& dataset) { return dataset.hash(); }, dataset_);
  total_bytes_ = std::visit([](const auto& dataset) { return dataset.total_bytes(); }, dataset_);
  is_streamed_ = std::holds_alternative<dataset::StoredDataset>(dataset_);
}

std::vector<std::uint64_t> FeedImages::sizes() const {
  return std::visit([](const auto& dataset) { return sizes_of(dataset); }, dataset_);
}

std::uint64_t FeedImages::window_bytes(const cycle::Plan& plan) const {
  return is_streamed() ? window_for(plan, shard_, memory_bytes_) : total_bytes();
}

Json FeedImages::settings(const cycle::Plan& plan) const {
  return {{"dataset_mb", static_cast<double>(total_bytes()) / 1e6},
          {"streamed", is_streamed()},
          {"window_mb", static_cast<double>(window_bytes(plan)) / 1e6}};
}

std::unique_ptr<ImageSource> FeedImages::make_source(const cycle::Plan& plan, std::stop_token stop) {
  if (auto* const stored = std::get_if<dataset::StoredDataset>(&dataset_)) {
    return make_streaming_source(plan, std::move(*stored), shard_, window_for(plan, shard_, memory_bytes_),
                                 std::move(stop));
  }
  return make_memory_source(plan, std::get<dataset::Dataset>(dataset_));
}

}  // namespace kexp::feeder
