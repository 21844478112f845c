#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/run_directory.hpp"

#include "event_log.hpp"
#include "reconcile.hpp"

namespace kexp::record {

Ledger count_ledger(const std::filesystem::path& run) {
  return on_disk(
      "read", [&] { return reconcile(run, feeds_among(read_roles(run)), read_role(run, "track")).ledger; });
}

}  // namespace kexp::record
