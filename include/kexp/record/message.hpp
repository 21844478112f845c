#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kexp::record {

/// Headers of an image on the input topic; values are ASCII.
inline constexpr std::string_view kRunHeader = "kexp-run";
inline constexpr std::string_view kSegmentHeader = "kexp-segment";
/// Intended time of the send, Unix nanoseconds.
inline constexpr std::string_view kIntendedHeader = "kexp-intended-ns";

/// Ids and runs that other producers give: longer ones would leave an answer no room on its topic.
inline constexpr std::size_t kMaxNameBytes = 256;

/// Whether `text` can be an id or a run: printable ASCII, not empty, at most `kMaxNameBytes`.
[[nodiscard]] bool is_name(std::string_view text);

/// The id of an image: its key, or "<partition>-<offset>" for a producer that gives none.
[[nodiscard]] std::string image_id(std::string_view key, std::int32_t partition, std::int64_t offset);

}  // namespace kexp::record
