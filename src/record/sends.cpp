#include "kexp/record/sends.hpp"

#include "kexp/core/on_disk.hpp"

#include "columns.hpp"

namespace kexp::record {

std::int64_t read_sends(const std::filesystem::path& run, const std::function<void(const SendRow&)>& visit) {
  const std::filesystem::path file = run / "sends.csv";
  if (!on_disk("read", [&] { return std::filesystem::exists(file); })) {
    return 0;
  }
  return read_columns(file, {"id", "partition", "offset", "status"}, [&](const auto& fields) {
    const SendRow row{fields[0], to_integer(fields[1]), to_integer(fields[2]), fields[3]};
    const bool known = row.acknowledged() || row.status == "dropped" || row.status == "unknown" ||
                       row.status.starts_with("failed");
    if (known) {
      visit(row);
    }
    return known;
  });
}

}  // namespace kexp::record
