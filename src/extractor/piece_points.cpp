#include "piece_points.hpp"

#include <algorithm>

namespace kexp::extractor {

namespace {

constexpr std::size_t kMostStretches = 8;
constexpr std::int64_t kLeastSaved = 2;  // Stretches may have the half of the points.

}  // namespace

std::vector<prom::Grid> stops_in(const PiecePoints& points, const prom::Grid& piece,
                                 std::chrono::milliseconds lookback) {
  const std::int64_t before = (lookback.count() + piece.step_ms - 1) / piece.step_ms;
  std::vector<bool> is_near(static_cast<std::size_t>(piece.count));
  for (const auto& [series, samples] : points.samples) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (i + 1 == samples.size() || samples[i + 1].ts_ms != samples[i].ts_ms + piece.step_ms) {
        const std::int64_t stop = (samples[i].ts_ms - piece.first_ms) / piece.step_ms;
        const auto first = is_near.begin() + std::max<std::int64_t>(0, stop - before);
        std::fill(first, is_near.begin() + stop + 1, true);
      }
    }
  }
  std::vector<prom::Grid> stretches;
  std::int64_t covered = 0;
  for (auto first = std::find(is_near.begin(), is_near.end(), true); first != is_near.end();) {
    const auto end = std::find(first, is_near.end(), false);
    stretches.push_back(piece.part(first - is_near.begin(), end - first));
    covered += end - first;
    first = std::find(end, is_near.end(), true);
  }
  if (stretches.size() > kMostStretches || covered * kLeastSaved > piece.count) {
    return {piece};
  }
  return stretches;
}

void keep_only(PiecePoints& points, const prom::Grid& stretch, const PiecePoints& exact) {
  for (auto& [series, samples] : points.samples) {
    const auto found = exact.samples.find(series);
    std::erase_if(samples, [&](const prom::Sample& sample) {
      if (sample.ts_ms < stretch.first_ms || sample.ts_ms > stretch.last_ms()) {
        return false;
      }
      return found == exact.samples.end() ||
             !std::binary_search(
                 found->second.begin(), found->second.end(), sample,
                 [](const prom::Sample& a, const prom::Sample& b) { return a.ts_ms < b.ts_ms; });
    });
  }
}

}  // namespace kexp::extractor
