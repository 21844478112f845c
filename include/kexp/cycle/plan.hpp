#pragma once

/// The plan of a run: every image with its intended time and partition, made before a byte is sent, equal
/// for equal inputs on every machine.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kexp/cycle/load_curve.hpp"

namespace kexp::cycle {

/// 24 bytes: ten million of them are 240 MB.
struct PlannedImage {
  std::uint64_t intended_ns = 0;  ///< After t0.
  std::uint32_t dataset_index = 0;
  std::uint32_t bytes = 0;
  std::uint32_t partition = 0;
  std::uint32_t segment = 0;
};

enum class Arrival {
  even,    ///< Image k of size s_k at B⁻¹(C_k + s_k/2).
  poisson  ///< Exponential gaps in B, whose mean is the dataset's mean image; seeded, the total is random.
};
inline constexpr Names<Arrival, 2> kArrivalNames{{{"even", Arrival::even}, {"poisson", Arrival::poisson}}};

enum class Partitioner {
  balanced,  ///< The partition with the fewest bytes so far.
  random     ///< Uniform and seeded, as earlier feeders were.
};
inline constexpr Names<Partitioner, 2> kPartitionerNames{
    {{"balanced", Partitioner::balanced}, {"random", Partitioner::random}}};

struct PlanOptions {
  CurveOptions curve;
  double peak_bytes_per_s = 1e6;            ///< Ignored with `peak_images_per_s`.
  std::optional<double> peak_images_per_s;  ///< --max-ips.
  std::uint64_t burst_images = 0;           ///< --count, of the burst profile.
  std::uint32_t partitions = 1;
  std::uint64_t seed = 1;
  bool shuffle = false;  ///< A seeded permutation of the dataset instead of its order, anew each pass.
  Arrival arrival = Arrival::even;
  Partitioner partitioner = Partitioner::balanced;
};

/// Pure checks of what needs no dataset. Errors: UsageError naming the flag.
void validate(const PlanOptions& options);

/// Totals of one segment, as planned.
struct SegmentTotals {
  Segment segment;
  double target_bytes_per_s = 0;  ///< Of the curve; with --max-ips for images of the plan's mean size.
  std::uint64_t bytes = 0;
  std::uint64_t images = 0;
};

/// How evenly partitions carry their bytes.
struct PartitionSkew {
  std::uint64_t least_bytes = 0, most_bytes = 0;
  double mean_bytes = 0;
  double cv = 0;              ///< Standard deviation over the mean.
  double most_over_mean = 0;  ///< 1 is even.
};
/// All 0 when there are no bytes.
[[nodiscard]] PartitionSkew skew_of(const std::vector<std::uint64_t>& partition_bytes);

class Plan {
 public:
  /// Image k of size s_k is due at B⁻¹(C_k + s_k/2) with C_k the bytes before it and B(t) the bytes due until
  /// t (with --max-ips: of images, each of size 1); for other arrivals see Arrival. Images are taken from
  /// `sizes` in order, again and again. Each goes to the partition with the fewest bytes so far, the lowest
  /// number first, unless the partitioner says otherwise. `sizes`: bytes of every image of the dataset.
  /// Errors: UsageError naming the flag.
  [[nodiscard]] static Plan make(const PlanOptions& options, const std::vector<std::uint64_t>& sizes);

  [[nodiscard]] const std::vector<PlannedImage>& images() const { return images_; }
  [[nodiscard]] const std::vector<SegmentTotals>& segments() const { return segments_; }
  /// The segment that holds an instant after t0; the last one holds what comes after the end.
  [[nodiscard]] std::size_t segment_at(double t_s) const;
  /// Planned bytes of each partition.
  [[nodiscard]] const std::vector<std::uint64_t>& partition_bytes() const { return partition_bytes_; }
  [[nodiscard]] double duration_s() const { return duration_s_; }
  [[nodiscard]] std::uint64_t total_bytes() const { return total_bytes_; }
  /// The highest target of a segment; 0 for a burst, which has no rate to keep to.
  [[nodiscard]] double peak_bytes_per_s() const;
  /// Of the planned images; 0 for a burst. Whole images may make it more than the peak of a short run.
  [[nodiscard]] double mean_bytes_per_s() const;
  /// The largest planned image in bytes.
  [[nodiscard]] std::uint64_t largest_image() const { return largest_; }
  /// SHA-256 over (u64 id, u64 dataset index, u64 bytes, u64 intended ns, u32 partition), little-endian, in
  /// id order.
  [[nodiscard]] std::string hash() const;

 private:
  class Maker;

  std::vector<PlannedImage> images_;
  std::vector<SegmentTotals> segments_;
  std::vector<std::uint64_t> partition_bytes_;
  double duration_s_ = 0;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace kexp::cycle
