#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "kexp/core/json_fwd.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/dataset/stored.hpp"
#include "kexp/feeder/feeder.hpp"

#include "image_source.hpp"

namespace kexp::feeder {

/// The dataset of a feed, read once: in memory when that is enough for it, else its index and its open file.
class FeedImages {
 public:
  /// `index` is for those who only plan: no image stays in memory.
  enum class Keep { images, index };
  /// Errors: UsageError naming --dataset, also when an image is larger than can be sent.
  FeedImages(const FeederOptions& options, Keep keep);

  /// Of every image, in reading order. Not after make_source.
  [[nodiscard]] std::vector<std::uint64_t> sizes() const;
  [[nodiscard]] const std::string& hash() const { return hash_; }
  [[nodiscard]] bool is_streamed() const { return is_streamed_; }
  [[nodiscard]] std::uint64_t total_bytes() const { return total_bytes_; }
  /// Of images in memory at a time while `plan` is played.
  [[nodiscard]] std::uint64_t window_bytes(const cycle::Plan& plan) const;
  /// "dataset_mb", "streamed", "window_mb": as a run's settings hold them.
  [[nodiscard]] Json settings(const cycle::Plan& plan) const;

  /// The images of `plan`, which outlives the source as this does; once. A streamed source has read the first
  /// ones when it is returned, but on stop. Errors: FailedError when the file can no longer be read.
  [[nodiscard]] std::unique_ptr<ImageSource> make_source(const cycle::Plan& plan, std::stop_token stop);

 private:
  Shard shard_;
  std::uint64_t memory_bytes_;
  std::variant<dataset::Dataset, dataset::StoredDataset> dataset_;
  std::string hash_;
  std::uint64_t total_bytes_ = 0;
  bool is_streamed_ = false;
};

}  // namespace kexp::feeder
