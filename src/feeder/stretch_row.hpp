#pragma once

#include <string>
#include <string_view>

#include "account.hpp"

namespace kexp::feeder {

/// Columns of a Stretch in feed.csv and seconds.csv.
inline constexpr std::string_view kStretchColumns =
    "planned_bytes,planned_images,sent_bytes,sent_images,acknowledged_bytes,acknowledged_images,"
    "failed_images,dropped_images,lateness_p50_ms,lateness_p99_ms,lateness_max_ms,delivery_p50_ms,"
    "delivery_p99_ms,delivery_max_ms";
/// Columns of what was planned begin so.
inline constexpr std::string_view kPlannedColumns = "planned_";
/// Its cells, without a line end; a duration that was not measured is empty.
[[nodiscard]] std::string stretch_cells(const Stretch& stretch);

/// Columns before those of the stretch.
inline constexpr std::string_view kSegmentColumns = "segment,start_s,duration_s,target_mbps";
inline constexpr std::string_view kSecondColumns = "second";

}  // namespace kexp::feeder
