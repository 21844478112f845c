#include "kexp/cycle/plan.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/random.hpp"
#include "kexp/core/sha256.hpp"

namespace kexp::cycle {
namespace {

constexpr std::uint64_t kMostImages = 200'000'000;

/// Dataset indices in the order of sending, pass after pass.
class ImageOrder {
 public:
  ImageOrder(std::size_t count, const PlanOptions& options)
      : random_(options.seed), shuffle_(options.shuffle) {
    for (std::size_t i = 0; i < count; ++i) {
      order_.push_back(i);
    }
    next_ = count;
  }

  std::uint64_t take() {
    if (next_ == order_.size()) {
      next_ = 0;
      if (shuffle_) {
        for (std::size_t i = order_.size(); i > 1; --i) {  // Fisher-Yates.
          std::swap(order_[i - 1], order_[random_.below(i)]);
        }
      }
    }
    return order_[next_++];
  }

 private:
  SplitMix64 random_;
  bool shuffle_;
  std::vector<std::uint64_t> order_;
  std::size_t next_ = 0;
};

/// The partition with the fewest bytes so far, the lowest number among equals.
class PartitionBalance {
 public:
  explicit PartitionBalance(std::uint32_t partitions) {
    for (std::uint32_t p = 0; p < partitions; ++p) {
      heap_.emplace(0, p);
    }
  }

  std::uint32_t take(std::uint64_t bytes) {
    auto [load, partition] = heap_.top();
    heap_.pop();
    heap_.emplace(load + bytes, partition);
    return partition;
  }

 private:
  using Entry = std::pair<std::uint64_t, std::uint32_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
};

std::uint64_t whole_ns(double t_s) { return static_cast<std::uint64_t>(t_s * 1e9 + 0.5); }

}  // namespace

void validate(const PlanOptions& options) {
  validate(options.curve);
  if (options.partitions < 1) {
    throw UsageError("--partitions must be at least 1");
  }
  const bool is_burst = options.curve.profile == "burst";
  if (is_burst && (options.burst_images < 1 || options.burst_images > kMostImages)) {
    throw UsageError(fmt::format("--count must be 1 to {} with --profile burst, got {}", kMostImages,
                                 options.burst_images));
  }
  if (!is_burst && options.burst_images != 0) {
    throw UsageError("--count goes with --profile burst only");
  }
  const double peak = options.peak_images_per_s.value_or(options.peak_bytes_per_s);
  const char* flag = options.peak_images_per_s ? "--max-ips" : "--max-mbps";
  if (!(peak > 0) || !std::isfinite(peak)) {
    throw UsageError(
        fmt::format("{} must be above 0, got {}", flag, options.peak_images_per_s ? peak : peak / 1e6));
  }
}

Plan Plan::make(const PlanOptions& options, const std::vector<std::uint64_t>& sizes) {
  validate(options);
  if (sizes.empty()) {
    throw UsageError("--dataset has no images");
  }
  Plan plan;
  ImageOrder order(sizes.size(), options);
  PartitionBalance balance(options.partitions);
  const auto add = [&](std::uint64_t index, std::uint64_t intended_ns, std::uint32_t segment) {
    const std::uint64_t bytes = sizes[index];
    plan.images_.push_back({index, bytes, intended_ns, balance.take(bytes), segment});
    plan.total_bytes_ += bytes;
    plan.largest_ = std::max(plan.largest_, bytes);
    plan.segments_[segment].bytes += bytes;
    plan.segments_[segment].images += 1;
  };

  if (options.curve.profile == "burst") {
    plan.segments_.push_back({});
    for (std::uint64_t i = 0; i < options.burst_images; ++i) {
      add(order.take(), 0, 0);
    }
    return plan;
  }

  const std::vector<Segment> segments = make_segments(options.curve);
  const bool counts_images = options.peak_images_per_s.has_value();
  const double peak = options.peak_images_per_s.value_or(options.peak_bytes_per_s);
  for (const Segment& segment : segments) {
    plan.segments_.push_back({segment, counts_images ? 0 : segment.fraction * peak, 0, 0});
  }
  plan.duration_s_ = segments.back().start_s + segments.back().duration_s;

  const CumulativeLoad load(segments, peak);
  double before = 0;  // Units planned so far: whole numbers, exact up to 2^53.
  std::uint32_t segment = 0;
  while (true) {
    const std::uint64_t index = order.take();
    const double size = counts_images ? 1.0 : static_cast<double>(sizes[index]);
    const double middle = before + size / 2;
    if (!(middle <= load.total())) {
      break;
    }
    if (plan.images_.size() >= kMostImages) {
      throw UsageError(fmt::format("the plan has more than {} images: lower {} or --duration", kMostImages,
                                   counts_images ? "--max-ips" : "--max-mbps"));
    }
    const double due_s = load.inverse(middle);
    while (segment + 1 < segments.size() && due_s >= segments[segment + 1].start_s) {
      ++segment;
    }
    add(index, whole_ns(due_s), segment);
    before += size;
  }
  if (counts_images) {
    for (SegmentTotals& totals : plan.segments_) {
      totals.target_bytes_per_s = static_cast<double>(totals.bytes) / totals.segment.duration_s;
    }
  }
  return plan;
}

std::size_t Plan::segment_at(double t_s) const {
  const auto after =
      std::upper_bound(segments_.begin(), segments_.end(), t_s,
                       [](double t, const SegmentTotals& totals) { return t < totals.segment.start_s; });
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin()) - 1;
}

std::string Plan::hash() const {
  Sha256 hash;
  for (std::size_t id = 0; id < images_.size(); ++id) {
    const PlannedImage& image = images_[id];
    hash.add_u64(id);
    hash.add_u64(image.dataset_index);
    hash.add_u64(image.bytes);
    hash.add_u64(image.intended_ns);
    hash.add_u32(image.partition);
  }
  return hash.hex();
}

}  // namespace kexp::cycle
