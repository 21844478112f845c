#include "picture_memory.hpp"

namespace kexp::consumer {

image::DecodeLimits plan_picture_memory(const CpuPlan& plan, const std::optional<FreeMemory>& left) {
  if (!left) {
    return {};
  }
  // Each stream has one picture in work and, with decoding ahead, one that waits for it.
  const int pictures = plan.streams * (plan.decode_ahead ? 2 : 1);
  return {static_cast<std::uint64_t>(left->bytes / 2 / pictures)};
}

}  // namespace kexp::consumer
