#include "kexp/cycle/plan.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/random.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/cycle/logarithm.hpp"

namespace kexp::cycle {
namespace {

constexpr std::uint64_t kMostImages = 200'000'000;
constexpr std::uint64_t kMostIndex = 0xFFFF'FFFF;

/// What the numbers of a stream are for: streams of one seed have nothing to do with each other.
constexpr std::uint64_t kForArrivals = 0x61727276;
constexpr std::uint64_t kForPartitions = 0x70617274;
SplitMix64 stream_of(std::uint64_t seed, std::uint64_t purpose) {
  return SplitMix64(SplitMix64(seed ^ purpose).next());
}

/// Dataset indices in the order of sending, pass after pass.
class ImageOrder {
 public:
  ImageOrder(std::size_t count, const PlanOptions& options)
      : random_(options.seed), count_(count), next_(count) {
    if (options.shuffle) {
      order_.resize(count);
      std::iota(order_.begin(), order_.end(), 0U);
    }
  }

  std::uint32_t take() {
    if (next_ == count_) {
      next_ = 0;
      for (std::size_t i = order_.size(); i > 1; --i) {  // Fisher-Yates.
        std::swap(order_[i - 1], order_[random_.below(i)]);
      }
    }
    const std::size_t at = next_++;
    return order_.empty() ? static_cast<std::uint32_t>(at) : order_[at];
  }

 private:
  SplitMix64 random_;
  std::vector<std::uint32_t> order_;  // Empty: the dataset's.
  std::size_t count_;
  std::size_t next_;
};

/// The partition with the fewest bytes so far, the lowest number among equals: a tournament tree, whose root
/// holds the winner and in which one leaf changes at a time.
class PartitionBalance {
 public:
  explicit PartitionBalance(std::uint32_t partitions) : leaves_(std::bit_ceil(partitions)) {
    nodes_.resize(2 * leaves_, {std::numeric_limits<std::uint64_t>::max(), 0});
    for (std::uint32_t p = 0; p < partitions; ++p) {
      nodes_[leaves_ + p] = {0, p};
    }
    for (std::size_t node = leaves_ - 1; node > 0; --node) {
      nodes_[node] = winner(nodes_[2 * node], nodes_[2 * node + 1]);
    }
  }

  std::uint32_t take(std::uint64_t bytes) {
    const std::uint32_t partition = nodes_[1].partition;
    std::size_t node = leaves_ + partition;
    Node best{nodes_[node].bytes + bytes, partition};
    for (; node > 1; node /= 2) {
      nodes_[node] = best;
      const Node& sibling = nodes_[node ^ 1U];
      // An odd node is the higher of the two: it loses when they are equal.
      best = sibling.bytes < best.bytes + (node & 1U) ? sibling : best;
    }
    nodes_[1] = best;
    return partition;
  }

 private:
  struct Node {
    std::uint64_t bytes;
    std::uint32_t partition;
  };
  static const Node& winner(const Node& lower, const Node& higher) {
    return lower.bytes <= higher.bytes ? lower : higher;
  }

  std::size_t leaves_;
  std::vector<Node> nodes_;  // The root is 1, the children of n are 2n and 2n + 1; 0 is not used.
};

class PartitionChoice {
 public:
  explicit PartitionChoice(const PlanOptions& options)
      : balance_(options.partitions),
        random_(stream_of(options.seed, kForPartitions)),
        partitions_(options.partitions),
        is_random_(options.partitioner == Partitioner::random) {}

  std::uint32_t take(std::uint64_t bytes) {
    return is_random_ ? static_cast<std::uint32_t>(random_.below(partitions_)) : balance_.take(bytes);
  }

 private:
  PartitionBalance balance_;
  SplitMix64 random_;
  std::uint32_t partitions_;
  bool is_random_;
};

/// Where in the cumulative load each image is due.
class ArrivalSteps {
 public:
  ArrivalSteps(const PlanOptions& options, double mean_size)
      : random_(stream_of(options.seed, kForArrivals)),
        mean_size_(mean_size),
        is_poisson_(options.arrival == Arrival::poisson) {}

  double next(double size) {
    if (is_poisson_) {
      sum_ -= natural_logarithm(uniform()) * mean_size_;
      return sum_;
    }
    const double middle = sum_ + size / 2;
    sum_ += size;  // Whole numbers, exact up to 2^53.
    return middle;
  }

 private:
  /// In (0, 1].
  double uniform() { return static_cast<double>((random_.next() >> 11U) + 1) * 0x1p-53; }

  SplitMix64 random_;
  double mean_size_;
  bool is_poisson_;
  double sum_ = 0;
};

std::uint64_t whole_ns(double t_s) { return static_cast<std::uint64_t>(t_s * 1e9 + 0.5); }

void check_sizes(const std::vector<std::uint64_t>& sizes) {
  if (sizes.empty()) {
    throw UsageError("--dataset has no images");
  }
  if (sizes.size() > kMostIndex || *std::max_element(sizes.begin(), sizes.end()) > kMostIndex) {
    throw UsageError(fmt::format("--dataset has more than {} images, or an image of more bytes", kMostIndex));
  }
}

/// Little-endian, whatever the machine.
template <typename Unsigned>
std::uint8_t* put(std::uint8_t* at, Unsigned value) {
  for (std::size_t byte = 0; byte < sizeof value; ++byte) {
    *at++ = static_cast<std::uint8_t>(value >> (8 * byte));
  }
  return at;
}

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
  if (is_burst && options.arrival == Arrival::poisson) {
    throw UsageError("--arrival poisson does not go with --profile burst: all of its images are due at once");
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

PartitionSkew skew_of(const std::vector<std::uint64_t>& partition_bytes) {
  PartitionSkew skew;
  double sum = 0;
  for (const std::uint64_t bytes : partition_bytes) {
    sum += static_cast<double>(bytes);
  }
  if (sum <= 0) {
    return skew;
  }
  const auto [least, most] = std::minmax_element(partition_bytes.begin(), partition_bytes.end());
  skew.least_bytes = *least;
  skew.most_bytes = *most;
  skew.mean_bytes = sum / static_cast<double>(partition_bytes.size());
  double squares = 0;
  for (const std::uint64_t bytes : partition_bytes) {
    const double off = static_cast<double>(bytes) - skew.mean_bytes;
    squares += off * off;
  }
  skew.cv = std::sqrt(squares / static_cast<double>(partition_bytes.size())) / skew.mean_bytes;
  skew.most_over_mean = static_cast<double>(skew.most_bytes) / skew.mean_bytes;
  return skew;
}

/// Makes one plan, image after image.
class Plan::Maker {
 public:
  Maker(const PlanOptions& options, const std::vector<std::uint64_t>& sizes)
      : options_(options), sizes_(sizes), order_(sizes.size(), options), partitions_(options) {
    plan_.partition_bytes_.resize(options.partitions);
  }

  Plan burst() {
    plan_.segments_.push_back({});
    plan_.images_.reserve(options_.burst_images);
    for (std::uint64_t i = 0; i < options_.burst_images; ++i) {
      add(order_.take(), 0, 0);
    }
    return std::move(plan_);
  }

  Plan along_the_curve() {
    const std::vector<Segment> segments = make_segments(options_.curve);
    const bool counts_images = options_.peak_images_per_s.has_value();
    const double peak = options_.peak_images_per_s.value_or(options_.peak_bytes_per_s);
    for (const Segment& segment : segments) {
      plan_.segments_.push_back({segment, counts_images ? 0 : segment.fraction * peak, 0, 0});
    }
    // In whole nanoseconds as every time of a plan: 48 slivers of 10 s end 2e-15 s after it.
    plan_.duration_s_ =
        static_cast<double>(whole_ns(segments.back().start_s + segments.back().duration_s)) / 1e9;

    const CumulativeLoad load(segments, peak);
    const double pass =
        counts_images ? static_cast<double>(sizes_.size())
                      : static_cast<double>(std::accumulate(sizes_.begin(), sizes_.end(), std::uint64_t{0}));
    const double mean_size = pass / static_cast<double>(sizes_.size());
    reserve(load.total() / mean_size);
    ArrivalSteps steps(options_, mean_size);
    CumulativeLoad::Cursor cursor(load);
    std::uint32_t segment = 0;
    while (true) {
      const std::uint32_t index = order_.take();
      const double due = steps.next(counts_images ? 1.0 : static_cast<double>(sizes_[index]));
      if (!(due <= load.total())) {
        break;
      }
      const double due_s = cursor.inverse(due);
      while (segment + 1 < segments.size() && due_s >= segments[segment + 1].start_s) {
        ++segment;
      }
      add(index, whole_ns(due_s), segment);
    }
    if (counts_images) {
      set_targets_of_images(peak);
    }
    return std::move(plan_);
  }

 private:
  // Not from each segment's own bytes: of a segment that is shorter than its images are apart, they are none
  // or many times the rate.
  void set_targets_of_images(double peak) {
    const std::size_t count = plan_.images_.size();
    const double mean_bytes =
        count > 0 ? static_cast<double>(plan_.total_bytes_) / static_cast<double>(count) : 0;
    for (SegmentTotals& totals : plan_.segments_) {
      totals.target_bytes_per_s = totals.segment.fraction * peak * mean_bytes;
    }
  }

  /// Room for all images at once: growing would hold them twice. What is not filled costs no memory.
  void reserve(double expected) {
    if (!(expected <= static_cast<double>(kMostImages))) {
      throw UsageError(fmt::format("the plan has more than {} images: lower {} or --duration", kMostImages,
                                   options_.peak_images_per_s ? "--max-ips" : "--max-mbps"));
    }
    // Even arrivals are off by at most the last pass over the dataset, random ones by some deviations.
    const double spread =
        options_.arrival == Arrival::poisson ? 8 * std::sqrt(expected) : static_cast<double>(sizes_.size());
    plan_.images_.reserve(static_cast<std::size_t>(expected + spread) + 16);
  }

  void add(std::uint32_t index, std::uint64_t intended_ns, std::uint32_t segment) {
    const std::uint64_t bytes = sizes_[index];
    const std::uint32_t partition = partitions_.take(bytes);
    plan_.images_.push_back({intended_ns, index, static_cast<std::uint32_t>(bytes), partition, segment});
    plan_.total_bytes_ += bytes;
    plan_.largest_ = std::max(plan_.largest_, bytes);
    plan_.segments_[segment].bytes += bytes;
    plan_.segments_[segment].images += 1;
    plan_.partition_bytes_[partition] += bytes;
  }

  const PlanOptions& options_;
  const std::vector<std::uint64_t>& sizes_;
  ImageOrder order_;
  PartitionChoice partitions_;
  Plan plan_;
};

Plan Plan::make(const PlanOptions& options, const std::vector<std::uint64_t>& sizes) {
  validate(options);
  check_sizes(sizes);
  Maker maker(options, sizes);
  return options.curve.profile == "burst" ? maker.burst() : maker.along_the_curve();
}

std::size_t Plan::segment_at(double t_s) const {
  const auto after =
      std::upper_bound(segments_.begin(), segments_.end(), t_s,
                       [](double t, const SegmentTotals& totals) { return t < totals.segment.start_s; });
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin()) - 1;
}

double Plan::peak_bytes_per_s() const {
  double peak = 0;
  for (const SegmentTotals& segment : segments_) {
    peak = std::max(peak, segment.target_bytes_per_s);
  }
  return peak;
}

double Plan::mean_bytes_per_s() const {
  return duration_s_ > 0 ? static_cast<double>(total_bytes_) / duration_s_ : 0;
}

std::string Plan::hash() const {
  constexpr std::size_t kRecord = 4 * sizeof(std::uint64_t) + sizeof(std::uint32_t);
  constexpr std::size_t kBlock = 1024;  // Records: hashing them one by one would cost more than SHA-256.
  std::array<std::uint8_t, kBlock * kRecord> block{};
  Sha256 hash;
  for (std::size_t first = 0; first < images_.size(); first += kBlock) {
    const std::size_t last = std::min(first + kBlock, images_.size());
    std::uint8_t* end = block.data();
    for (std::size_t id = first; id < last; ++id) {
      const PlannedImage& image = images_[id];
      end = put(end, std::uint64_t{id});
      end = put(end, std::uint64_t{image.dataset_index});
      end = put(end, std::uint64_t{image.bytes});
      end = put(end, image.intended_ns);
      end = put(end, image.partition);
    }
    hash.add({block.data(), (last - first) * kRecord});
  }
  return hash.hex();
}

}  // namespace kexp::cycle
