#include "columns.hpp"

#include <algorithm>

#include "kexp/core/csv.hpp"

namespace kexp::record {

std::int64_t read_columns(const std::filesystem::path& file, const std::vector<std::string_view>& names,
                          const std::function<bool(const std::vector<std::string_view>&)>& visit) {
  CsvReader reader(file, CsvReader::Tail::drop);
  if (!reader.next()) {
    return 0;  // The writer was killed before its header.
  }
  const std::size_t width = reader.row().size();
  std::vector<std::size_t> columns;
  for (const std::string_view name : names) {
    const auto column = reader.position(name);
    if (!column) {
      return 1;
    }
    columns.push_back(*column);
  }
  std::int64_t unreadable = 0;
  std::vector<std::string_view> fields(names.size());
  while (reader.next()) {
    const auto& row = reader.row();
    if (row.size() != width) {
      ++unreadable;
      continue;
    }
    std::transform(columns.begin(), columns.end(), fields.begin(),
                   [&](std::size_t column) { return row[column]; });
    unreadable += visit(fields) ? 0 : 1;
  }
  return unreadable;
}

}  // namespace kexp::record
