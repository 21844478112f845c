#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace kexp::tracker {

/// An image that a feed handed over, and what became of it. Times are Unix ns, 0 where there is none.
struct SentImage {
  std::int64_t id = 0;
  std::int64_t intended_ns = 0, sent_ns = 0, acked_ns = 0;
  std::int64_t latency_ns = 0;  ///< End of postprocessing - intended time, of one with an answer.
  enum class Answer : std::uint8_t { none, in_time, late, error } answer = Answer::none;
  bool acknowledged = false;
};

/// The images that the feeds of `run` sent, in the order of their ids, which is that of the plan: those with
/// a row in sends.csv that were not dropped, and what `feed verify --from-topic` has found besides.
/// Errors: FailedError naming the file.
[[nodiscard]] std::vector<SentImage> read_sent_images(const std::filesystem::path& run);

/// The image with this id; null when there is none.
[[nodiscard]] SentImage* find_image(std::vector<SentImage>& images, std::string_view id);

}  // namespace kexp::tracker
