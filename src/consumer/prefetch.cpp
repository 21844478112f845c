#include "prefetch.hpp"

#include <algorithm>
#include <cmath>

namespace kexp::consumer {

namespace {

constexpr double kAheadSeconds = 0.75;
constexpr double kMostRecords = 200;
/// Of so many bytes an answer brings half of what is fetched ahead: of larger images less, and one at least.
/// Images of 6 KB come to two seconds together with what is ahead.
constexpr double kSmallImageBytes = 16 * 1024;
constexpr double kMostFetchBytes = 1024 * 1024;

}  // namespace

Prefetch plan_prefetch(Nanoseconds image_time, int streams) {
  const double least = 2.0 * streams;
  const double rate = image_time.count() > 0 ? streams / seconds(image_time) : kMostRecords;
  const double records = std::clamp(std::ceil(rate * kAheadSeconds), least, std::max(least, kMostRecords));
  const double bytes = std::min(std::max(records / 2, 1.0) * kSmallImageBytes, kMostFetchBytes);
  return {static_cast<int>(records), static_cast<std::int64_t>(bytes)};
}

}  // namespace kexp::consumer
