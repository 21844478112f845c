#include "prefetch.hpp"

#include <algorithm>
#include <cmath>

namespace kexp::consumer {

namespace {

constexpr double kAheadSeconds = 1;
constexpr double kMostRecords = 200;
/// Images are rarely smaller, so an answer of so many bytes holds one, seldom two.
constexpr double kSmallImageBytes = 32 * 1024;
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
