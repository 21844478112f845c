#pragma once

#include <string>
#include <vector>

namespace kexp::manifest {

/// A row of the table of docs/cluster-file.md.
struct FieldRow {
  std::string field;  ///< Dotted; items of a list are `workers[]`.
  std::string may_be;
  std::string standard;  ///< The default, or "required".
  std::string doc;
};

/// Every field and section, in the order of the file.
[[nodiscard]] std::vector<FieldRow> cluster_file_rows();

/// The same as Markdown, a table for each section at the top of the file.
[[nodiscard]] std::string cluster_file_table();

}  // namespace kexp::manifest
