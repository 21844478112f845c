#pragma once

#include <cstddef>
#include <vector>

#include "kexp/inference/decode.hpp"

namespace kexp::inference {

/// At most so many candidates, the best ones, take part in the suppression.
inline constexpr std::size_t kMaxCandidates = 30'000;

/// Area of the overlap over area of the union; 0 when both are empty.
[[nodiscard]] double intersection_over_union(const Candidate& a, const Candidate& b);

/// Sorts by confidence, highest first (the earlier one first where equal), and keeps the first `most`.
[[nodiscard]] std::vector<Candidate> best_first(std::vector<Candidate> candidates, std::size_t most);

/// Greedy suppression within each class: going from the best down, a candidate falls when a kept one of its
/// class overlaps it by more than `iou`. At most `max_detections` are kept, highest confidence first.
[[nodiscard]] std::vector<Candidate> suppress(std::vector<Candidate> candidates, double iou,
                                              std::size_t max_detections);

}  // namespace kexp::inference
