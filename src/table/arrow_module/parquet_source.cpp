#include "parquet_source.hpp"

#include <algorithm>
#include <stdexcept>

#include <parquet/column_reader.h>
#include <parquet/schema.h>
#include <parquet/types.h>

namespace kexp::table {

namespace {

constexpr std::int64_t kBatchRows = 1 << 15;

parquet::Type::type physical(ArrowType type) {
  switch (type) {
    case ArrowType::int64:
    case ArrowType::timestamp_ms:
      return parquet::Type::INT64;
    case ArrowType::float64:
      return parquet::Type::DOUBLE;
    case ArrowType::text:
      return parquet::Type::BYTE_ARRAY;
  }
  throw std::invalid_argument("a column of an unknown type");
}

int find(const parquet::SchemaDescriptor& schema, const ArrowColumn& wanted) {
  const int index = schema.ColumnIndex(wanted.name);
  if (index < 0) {
    throw std::runtime_error(std::string("it has no column ") + wanted.name);
  }
  const parquet::ColumnDescriptor* column = schema.Column(index);
  if (column->physical_type() != physical(wanted.type)) {
    throw std::runtime_error(std::string("its column ") + wanted.name + " has another type");
  }
  if (column->max_definition_level() > 0) {
    throw std::runtime_error(std::string("its column ") + wanted.name + " may have nulls");
  }
  return index;
}

template <typename Reader, typename Value>
std::int64_t read_some(parquet::ColumnReader& reader, std::int64_t rows, Value* values) {
  std::int64_t count = 0;
  static_cast<Reader&>(reader).ReadBatch(rows, nullptr, nullptr, values, &count);
  if (count <= 0) {
    throw std::runtime_error("a row group ends before its rows do");
  }
  return count;
}

template <typename Reader, typename Value>
const void* read_all(parquet::ColumnReader& reader, std::int64_t rows, std::vector<Value>& values) {
  values.resize(static_cast<std::size_t>(rows));
  for (std::int64_t done = 0; done < rows;) {
    done += read_some<Reader>(reader, rows - done, values.data() + done);
  }
  return values.data();
}

}  // namespace

ParquetSource::ParquetSource(const std::string& file, const std::vector<ArrowColumn>& columns)
    : file_(parquet::ParquetFileReader::OpenFile(file)) {
  const parquet::SchemaDescriptor& schema = *file_->metadata()->schema();
  for (const ArrowColumn& column : columns) {
    Column& added = columns_.emplace_back(Column{find(schema, column), nullptr, {}});
    if (column.type == ArrowType::float64) {
      added.rows = std::vector<double>();
    } else if (column.type == ArrowType::text) {
      added.rows = Texts();
    }
  }
}

std::uint64_t ParquetSource::read(const void** columns) {
  while (rows_left_ == 0) {
    if (!next_group()) {
      return 0;
    }
  }
  const std::int64_t rows = std::min(rows_left_, kBatchRows);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns[i] = read(columns_[i], rows);
  }
  rows_left_ -= rows;
  return static_cast<std::uint64_t>(rows);
}

bool ParquetSource::next_group() {
  if (group_ == file_->metadata()->num_row_groups()) {
    return false;
  }
  const std::shared_ptr<parquet::RowGroupReader> group = file_->RowGroup(group_++);
  rows_left_ = group->metadata()->num_rows();
  for (Column& column : columns_) {
    column.reader = group->Column(column.index);
  }
  return true;
}

const void* ParquetSource::read(Column& column, std::int64_t rows) {
  if (auto* whole = std::get_if<std::vector<std::int64_t>>(&column.rows)) {
    return read_all<parquet::Int64Reader>(*column.reader, rows, *whole);
  }
  if (auto* numbers = std::get_if<std::vector<double>>(&column.rows)) {
    return read_all<parquet::DoubleReader>(*column.reader, rows, *numbers);
  }
  auto& texts = std::get<Texts>(column.rows);
  read_texts(*column.reader, rows, texts);
  return texts.values.data();
}

void ParquetSource::read_texts(parquet::ColumnReader& reader, std::int64_t rows, Texts& texts) {
  texts.bytes.clear();
  texts.sizes.clear();
  texts.values.clear();
  std::vector<parquet::ByteArray> some(static_cast<std::size_t>(rows));
  for (std::int64_t done = 0; done < rows;) {  // What one call gives lives until the next one.
    const std::int64_t count = read_some<parquet::ByteArrayReader>(reader, rows - done, some.data());
    for (std::int64_t i = 0; i < count; ++i) {
      const parquet::ByteArray& text = some[static_cast<std::size_t>(i)];
      texts.bytes.append(reinterpret_cast<const char*>(text.ptr), text.len);
      texts.sizes.push_back(text.len);
    }
    done += count;
  }
  const char* at = texts.bytes.data();
  for (const std::uint32_t size : texts.sizes) {
    texts.values.push_back({at, size});
    at += size;
  }
}

}  // namespace kexp::table
