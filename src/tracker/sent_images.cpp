#include "sent_images.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "kexp/record/sends.hpp"

namespace kexp::tracker {

namespace {

// Feeds number their images.
std::optional<std::int64_t> number(std::string_view id) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), value);
  const bool is_number = error == std::errc() && end == id.data() + id.size() && value >= 0;
  return is_number ? std::optional(value) : std::nullopt;
}

bool was_sent(const record::SendRow& row) { return row.status.fate != record::Fate::dropped; }

SentImage image_of(std::int64_t id, const record::SendRow& row) {
  SentImage image;
  image.id = id;
  image.intended_ns = row.intended_ns.value_or(0);
  image.sent_ns = row.sent_ns.value_or(0);
  image.acked_ns = row.acked_ns.value_or(0);
  image.acknowledged = row.acknowledged();
  return image;
}

void sort(std::vector<SentImage>& images) {
  std::stable_sort(images.begin(), images.end(),
                   [](const SentImage& a, const SentImage& b) { return a.id < b.id; });
}

SentImage* find_number(std::vector<SentImage>& images, std::int64_t id) {
  const auto found = std::lower_bound(images.begin(), images.end(), id,
                                      [](const SentImage& image, std::int64_t i) { return image.id < i; });
  return found != images.end() && found->id == id ? &*found : nullptr;
}

}  // namespace

std::vector<SentImage> read_sent_images(const std::filesystem::path& run) {
  std::vector<SentImage> images;
  std::vector<SentImage> found_in_topic;
  record::read_sends(run, [&](const record::SendRow& row) {
    const auto id = number(row.id);
    if (id && was_sent(row)) {
      (row.from_topic ? found_in_topic : images).push_back(image_of(*id, row));
    }
  });
  sort(images);
  std::vector<SentImage> without_row;  // Of a feed that was killed.
  for (const SentImage& found : found_in_topic) {
    if (SentImage* image = find_number(images, found.id)) {
      image->acknowledged = image->acknowledged || found.acknowledged;
    } else {
      without_row.push_back(found);
    }
  }
  images.insert(images.end(), without_row.begin(), without_row.end());
  sort(images);
  return images;
}

SentImage* find_image(std::vector<SentImage>& images, std::string_view id) {
  const auto value = number(id);
  return value ? find_number(images, *value) : nullptr;
}

}  // namespace kexp::tracker
