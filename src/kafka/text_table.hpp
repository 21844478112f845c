#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace kexp::kafka {

/// Columns for people: as wide as their widest cell, two blanks between.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

  /// One cell a column.
  template <typename... Cells>
  void add(const Cells&... cells) {
    rows_.push_back({fmt::format("{}", cells)...});
  }

  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        widths[i] = std::max(widths[i], row[i].size());
      }
    }
    std::string text;
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) {
        line += fmt::format("{:<{}}", row[i], widths[i] + 2);
      }
      text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace kexp::kafka
