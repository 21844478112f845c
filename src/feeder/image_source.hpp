#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace kexp::feeder {

/// The bytes of a plan's images while it is played, from memory or streamed ahead of the plan.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// Bytes of image `id` of the plan, which stay until `release(id)`; nullopt while they are not in memory
  /// yet. Never blocks. Threads: the pacing threads.
  [[nodiscard]] virtual std::optional<std::span<const std::uint8_t>> get(std::uint64_t id) = 0;
  /// Its report has come, or it was dropped: exactly once for each image that this feed plans. Threads: any.
  virtual void release(std::uint64_t id) = 0;
};

}  // namespace kexp::feeder
