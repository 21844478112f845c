#include <stdexcept>

#include <fmt/format.h>

#include "kexp/table/table.hpp"

#include "batch_check.hpp"

namespace kexp::table {

namespace {

Values values_of(ColumnType type) {
  switch (type) {
    case ColumnType::int64:
    case ColumnType::timestamp_ms:
      return std::vector<std::int64_t>();
    case ColumnType::float64:
      return std::vector<double>();
    case ColumnType::text:
      return std::vector<std::string>();
  }
  throw std::logic_error("a column of no type");
}

}  // namespace

Batch::Batch(const Schema& schema) {
  columns_.reserve(schema.size());
  for (const Column& column : schema) {
    columns_.push_back(values_of(column.type));
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

void check_fits(const Batch& batch, const Schema& schema, const std::filesystem::path& file) {
  bool good = batch.columns().size() == schema.size();
  for (std::size_t i = 0; good && i < schema.size(); ++i) {
    const Values& column = batch.columns()[i];
    good = column.index() == values_of(schema[i].type).index() &&
           std::visit([](const auto& values) { return values.size(); }, column) == batch.rows();
  }
  if (!good) {
    throw std::logic_error(fmt::format("rows that do not fit the columns of {}", file.string()));
  }
}

}  // namespace kexp::table
