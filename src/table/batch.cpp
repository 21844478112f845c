#include "kexp/table/table.hpp"

namespace kexp::table {

Batch::Batch(const Schema& schema) {
  columns_.reserve(schema.size());
  for (const Column& column : schema) {
    switch (column.type) {
      case ColumnType::int64:
        columns_.emplace_back(std::vector<std::int64_t>());
        break;
      case ColumnType::float64:
        columns_.emplace_back(std::vector<double>());
        break;
      case ColumnType::text:
        columns_.emplace_back(std::vector<std::string>());
        break;
    }
  }
}

std::size_t Batch::rows() const {
  return columns_.empty() ? 0
                          : std::visit([](const auto& values) { return values.size(); }, columns_.front());
}

void Batch::clear() {
  for (Values& column : columns_) {
    std::visit([](auto& values) { values.clear(); }, column);
  }
}

}  // namespace kexp::table
