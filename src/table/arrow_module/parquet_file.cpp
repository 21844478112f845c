#include "parquet_file.hpp"

#include <stdexcept>
#include <utility>

#include <arrow/io/interfaces.h>
#include <arrow/status.h>
#include <parquet/column_writer.h>
#include <parquet/schema.h>

#include "number_encoding.hpp"

namespace kexp::table {

namespace {

constexpr std::uint64_t kGroupBytes = 32 << 20;

parquet::schema::NodePtr node_of(const std::string& name, ArrowType type) {
  using parquet::LogicalType;
  const auto make = [&](std::shared_ptr<const LogicalType> logical, parquet::Type::type physical) {
    return parquet::schema::PrimitiveNode::Make(name, parquet::Repetition::REQUIRED, std::move(logical),
                                                physical);
  };
  switch (type) {
    case ArrowType::int64:
      return make(LogicalType::None(), parquet::Type::INT64);
    case ArrowType::timestamp_ms:
      return make(LogicalType::Timestamp(true, LogicalType::TimeUnit::MILLIS), parquet::Type::INT64);
    case ArrowType::float64:
      return make(LogicalType::None(), parquet::Type::DOUBLE);
    case ArrowType::text:
      return make(LogicalType::String(), parquet::Type::BYTE_ARRAY);
  }
  throw std::invalid_argument("a column of an unknown type");
}

template <typename Writer, typename Value>
void write_column(parquet::ColumnWriter* column, const std::vector<Value>& values) {
  static_cast<Writer*>(column)->WriteBatch(std::ssize(values), nullptr, nullptr, values.data());
}

}  // namespace

/// The end of the file, as Arrow sees it. Arrow's writers write what they still have when they are
/// destroyed; after a failure, or without `finish`, nothing of that may get out.
class ParquetFile::Sink final : public ::arrow::io::OutputStream {
 public:
  explicit Sink(ArrowSink sink) : sink_(sink) {}

  using ::arrow::io::OutputStream::Write;
  ::arrow::Status Write(const void* data, std::int64_t size) override {
    if (given_up_ || !sink_.take(sink_.context, data, static_cast<std::uint64_t>(size))) {
      given_up_ = true;
      return ::arrow::Status::IOError("the file takes no more");
    }
    position_ += size;
    return ::arrow::Status::OK();
  }
  ::arrow::Status Close() override {
    closed_ = true;
    return ::arrow::Status::OK();
  }
  ::arrow::Result<std::int64_t> Tell() const override { return position_; }
  bool closed() const override { return closed_; }
  void give_up() { given_up_ = true; }

 private:
  ArrowSink sink_;
  std::int64_t position_ = 0;
  bool closed_ = false;
  bool given_up_ = false;
};

ParquetFile::ParquetFile(std::vector<ArrowColumn> columns, ArrowSettings settings, ArrowSink sink)
    : settings_(settings), sink_(std::make_shared<Sink>(sink)) {
  for (const ArrowColumn& column : columns) {
    Column& added = columns_.emplace_back(Column{column.name, column.type, {}});
    if (column.type == ArrowType::float64) {
      added.rows = std::vector<double>();
    } else if (column.type == ArrowType::text) {
      added.rows = Texts();
      text_columns_.push_back(columns_.size() - 1);
    }
  }
}

ParquetFile::~ParquetFile() { sink_->give_up(); }

void ParquetFile::write(const void* const* columns, std::uint64_t rows) {
  std::uint64_t first = 0;
  for (std::uint64_t row = 0; row < rows; ++row) {
    bytes_ += row_bytes(columns, row);
    if (rows_ + row + 1 - first == settings_.group_rows || bytes_ >= kGroupBytes) {
      take(columns, first, row + 1 - first);
      write_group();
      first = row + 1;
    }
  }
  take(columns, first, rows - first);
}

void ParquetFile::finish() {
  if (rows_ > 0 || !file_) {
    write_group();
  }
  file_->Close();
}

std::uint64_t ParquetFile::row_bytes(const void* const* columns, std::uint64_t row) const {
  std::uint64_t bytes = 8 * columns_.size();
  for (const std::size_t column : text_columns_) {
    bytes += static_cast<const ArrowText*>(columns[column])[row].size;
  }
  return bytes;
}

void ParquetFile::take(const void* const* columns, std::uint64_t first, std::uint64_t count) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto append = [&]<typename Value>(std::vector<Value>& rows) {
      const Value* values = static_cast<const Value*>(columns[i]) + first;
      rows.insert(rows.end(), values, values + count);
    };
    if (auto* texts = std::get_if<Texts>(&columns_[i].rows)) {
      const auto* values = static_cast<const ArrowText*>(columns[i]) + first;
      for (std::uint64_t row = 0; row < count; ++row) {
        texts->bytes.append(values[row].bytes, values[row].size);
        texts->sizes.push_back(static_cast<std::uint32_t>(values[row].size));
      }
    } else if (auto* whole = std::get_if<std::vector<std::int64_t>>(&columns_[i].rows)) {
      append(*whole);
    } else {
      append(std::get<std::vector<double>>(columns_[i].rows));
    }
  }
  rows_ += count;
}

void ParquetFile::open() {
  parquet::WriterProperties::Builder properties = common_properties();
  parquet::schema::NodeVector nodes;
  for (const Column& column : columns_) {
    nodes.push_back(node_of(column.name, column.type));
    if (const auto* numbers = std::get_if<std::vector<double>>(&column.rows)) {
      set_encoding(
          properties, column.name,
          settings_.numbers == ArrowEncoding::best ? smallest_encoding(*numbers) : settings_.numbers);
    } else if (column.type != ArrowType::text) {
      properties.disable_dictionary(column.name);
      properties.encoding(column.name, parquet::Encoding::DELTA_BINARY_PACKED);
    }
  }
  const auto root = parquet::schema::GroupNode::Make("table", parquet::Repetition::REQUIRED, nodes);
  file_ = parquet::ParquetFileWriter::Open(sink_, std::static_pointer_cast<parquet::schema::GroupNode>(root),
                                           properties.build());
}

void ParquetFile::write_group() {
  if (!file_) {
    open();
  }
  if (rows_ == 0) {
    return;
  }
  parquet::RowGroupWriter* group = file_->AppendRowGroup();
  for (Column& column : columns_) {
    parquet::ColumnWriter* writer = group->NextColumn();
    if (auto* whole = std::get_if<std::vector<std::int64_t>>(&column.rows)) {
      write_column<parquet::Int64Writer>(writer, *whole);
      whole->clear();
    } else if (auto* numbers = std::get_if<std::vector<double>>(&column.rows)) {
      write_column<parquet::DoubleWriter>(writer, *numbers);
      numbers->clear();
    } else {
      auto& texts = std::get<Texts>(column.rows);
      std::vector<parquet::ByteArray> values;
      const auto* at = reinterpret_cast<const std::uint8_t*>(texts.bytes.data());
      for (const std::uint32_t size : texts.sizes) {
        values.emplace_back(size, at);
        at += size;
      }
      write_column<parquet::ByteArrayWriter>(writer, values);
      texts = {};
    }
  }
  group->Close();
  rows_ = 0;
  bytes_ = 0;
}

}  // namespace kexp::table
