#pragma once

#include <cstdint>

#include "kexp/core/clock.hpp"

namespace kexp::consumer {

/// What a consumer fetches ahead.
struct Prefetch {
  int records = 0;               ///< With so many fetched it asks for no more.
  std::int64_t fetch_bytes = 0;  ///< Of one answer, which may come on top.
};

/// Three quarters of a second of work, of images that take `image_time` in each stream: enough for any pause
/// of a broker that counts, and no more than two seconds with what one answer brings on top, of images of 6
/// KB or more. A broker answers with whole batches, so a producer that has packed many smaller ones into one
/// gets them fetched as one.
[[nodiscard]] Prefetch plan_prefetch(Nanoseconds image_time, int streams);

}  // namespace kexp::consumer
