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
  /// yet: ask again later, and the image is late. Never blocks, takes no lock.
  ///
  /// Errors: FailedError when the image will never come, because the file can no longer be read; what was
  /// read before is still there. So whoever paces learns of it by asking, and ends the run. Threads: the
  /// pacing threads.
  [[nodiscard]] virtual std::optional<std::span<const std::uint8_t>> get(std::uint64_t id) = 0;
  /// Its report has come, or it was dropped: exactly once for each image that this feed plans; `get` is over
  /// for it then. Threads: any.
  virtual void release(std::uint64_t id) = 0;
};

}  // namespace kexp::feeder
