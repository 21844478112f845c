#include "kexp/inference/nms.hpp"

#include <algorithm>

namespace kexp::inference {

namespace {

double area(const Candidate& box) { return (double{box.x2} - box.x1) * (double{box.y2} - box.y1); }

}  // namespace

double intersection_over_union(const Candidate& a, const Candidate& b) {
  const double width = double{std::min(a.x2, b.x2)} - std::max(a.x1, b.x1);
  const double height = double{std::min(a.y2, b.y2)} - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) {
    return 0;
  }
  const double both = width * height;
  return both / (area(a) + area(b) - both);
}

std::vector<Candidate> best_first(std::vector<Candidate> candidates, std::size_t most) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.confidence > b.confidence; });
  if (candidates.size() > most) {
    candidates.resize(most);
  }
  return candidates;
}

// Others shift each class by 7680 pixels and suppress across all; comparing classes says the same, exactly,
// and for pictures of any size.
std::vector<Candidate> suppress(std::vector<Candidate> candidates, double iou, std::size_t max_detections) {
  const std::vector<Candidate> sorted = best_first(std::move(candidates), kMaxCandidates);
  std::vector<Candidate> kept;
  for (const Candidate& candidate : sorted) {
    if (kept.size() >= max_detections) {
      break;
    }
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Candidate& better) {
      return better.class_id == candidate.class_id && intersection_over_union(better, candidate) > iou;
    });
    if (!covered) {
      kept.push_back(candidate);
    }
  }
  return kept;
}

}  // namespace kexp::inference
