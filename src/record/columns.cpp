#include "columns.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"

namespace kexp::record {

UnreadableRows read_columns(const std::filesystem::path& run, const std::filesystem::path& file,
                            const std::vector<std::string_view>& names,
                            const std::function<bool(const std::vector<std::string_view>&)>& visit) {
  CsvReader reader(run / file, CsvReader::Tail::drop);
  UnreadableRows unreadable;
  const auto add = [&] {
    if (++unreadable.count == 1) {
      unreadable.first = fmt::format("{}:{}", file.string(), reader.line());
    }
  };
  if (!reader.next()) {
    return unreadable;  // The writer was killed before its header.
  }
  const std::size_t width = reader.row().size();
  std::vector<std::size_t> columns;
  for (const std::string_view name : names) {
    const auto column = reader.position(name);
    if (!column) {
      add();
      return unreadable;
    }
    columns.push_back(*column);
  }
  std::vector<std::string_view> fields(names.size());
  while (reader.next()) {
    const auto& row = reader.row();
    if (row.size() != width) {
      add();
      continue;
    }
    std::transform(columns.begin(), columns.end(), fields.begin(),
                   [&](std::size_t column) { return row[column]; });
    if (!visit(fields)) {
      add();
    }
  }
  return unreadable;
}

}  // namespace kexp::record
