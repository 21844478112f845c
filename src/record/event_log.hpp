#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/json_fwd.hpp"

namespace kexp::record {

/// The lines of one <role>.json. A last line that was torn when its writer was killed is left out, and so are
/// the ends of a role that has started again since.
struct RoleLog {
  std::string role;
  std::vector<Json> events;

  /// The last event of that name; null when there is none.
  [[nodiscard]] const Json* last(std::string_view event) const;
  [[nodiscard]] bool finished() const { return last("finished") != nullptr; }
};

/// True when the feed ended before its plan: it was interrupted, or the broker refused it for good.
/// `feed_end` is its last event; null when there is none.
[[nodiscard]] bool was_cut_short(const Json* feed_end);

/// Empty events when there is no such file. Errors: FailedError when it cannot be read.
[[nodiscard]] RoleLog read_role(const std::filesystem::path& run, std::string_view role);

/// Every role that joined, in the order of their names.
[[nodiscard]] std::vector<RoleLog> read_roles(const std::filesystem::path& run);

}  // namespace kexp::record
