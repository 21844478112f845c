#pragma once

#include <optional>

#include "kexp/core/free_memory.hpp"
#include "kexp/image/image.hpp"

#include "cpu_plan.hpp"

namespace kexp::consumer {

/// What decoding one picture may take, so that those in flight together stay below the pod's memory limit:
/// each its share of half of what is `left` once the models are warm; the other half is for what is fetched.
/// Without a limit nothing is refused for its memory.
[[nodiscard]] image::DecodeLimits plan_picture_memory(const CpuPlan& plan,
                                                      const std::optional<FreeMemory>& left);

}  // namespace kexp::consumer
