#include "arrow_library.hpp"

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/module.hpp"

namespace kexp::table {

namespace {

constexpr const char* kFile = "kexp_arrow.so";

const ArrowApi& load() {
  const auto file = parquet_module();
  if (!file) {
    throw UsageError(
        fmt::format("Parquet needs {}, which this build has not: scripts/bootstrap.sh fetches Arrow, then "
                    "build again, or set KEXP_LIB_DIR",
                    kFile));
  }
  return load_module<ArrowApi>(*file, kArrowEntry, kArrowAbiVersion);
}

ArrowType arrow_type(ColumnType type) {
  switch (type) {
    case ColumnType::int64:
      return ArrowType::int64;
    case ColumnType::timestamp_ms:
      return ArrowType::timestamp_ms;
    case ColumnType::float64:
      return ArrowType::float64;
    case ColumnType::text:
      break;
  }
  return ArrowType::text;
}

}  // namespace

const ArrowApi& arrow() {
  static const ArrowApi& api = load();
  return api;
}

std::vector<ArrowColumn> arrow_columns(const Schema& schema) {
  std::vector<ArrowColumn> columns;
  for (const Column& column : schema) {
    columns.push_back({column.name.c_str(), arrow_type(column.type)});
  }
  return columns;
}

std::optional<std::filesystem::path> parquet_module() { return find_module(kFile); }

void require_parquet() { static_cast<void>(arrow()); }

}  // namespace kexp::table
