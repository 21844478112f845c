#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/table/reader.hpp"

#include "arrow_library.hpp"

namespace kexp::table {

namespace {

class ParquetTable final : public Reader {
 public:
  ParquetTable(const std::filesystem::path& file, Schema schema)
      : file_(file), schema_(std::move(schema)), reader_(nullptr, arrow().close_reader) {
    const std::vector<ArrowColumn> columns = arrow_columns(schema_);
    ArrowError error{};
    reader_.reset(arrow().open_reader(file_.c_str(), columns.data(),
                                      static_cast<std::uint32_t>(columns.size()), &error));
    if (!reader_) {
      throw cannot_read(error);
    }
  }

  bool read(Batch& batch) override {
    batch.clear();
    std::vector<const void*> columns(schema_.size());
    std::uint64_t rows = 0;
    ArrowError error{};
    if (!arrow().read(reader_.get(), columns.data(), &rows, &error)) {
      throw cannot_read(error);
    }
    for (std::size_t i = 0; i < schema_.size() && rows > 0; ++i) {
      take(batch, i, columns[i], rows);
    }
    return rows > 0;
  }

 private:
  void take(Batch& batch, std::size_t column, const void* values, std::uint64_t rows) const {
    switch (schema_[column].type) {
      case ColumnType::int64:
      case ColumnType::timestamp_ms: {
        const auto* whole = static_cast<const std::int64_t*>(values);
        batch.int64s(column).assign(whole, whole + rows);
        break;
      }
      case ColumnType::float64: {
        const auto* numbers = static_cast<const double*>(values);
        batch.float64s(column).assign(numbers, numbers + rows);
        break;
      }
      case ColumnType::text: {
        const auto* texts = static_cast<const ArrowText*>(values);
        for (std::uint64_t row = 0; row < rows; ++row) {
          batch.texts(column).emplace_back(texts[row].bytes, texts[row].size);
        }
        break;
      }
    }
  }

  [[nodiscard]] FailedError cannot_read(const ArrowError& error) const {
    return FailedError(fmt::format("cannot read {}: {}", file_.string(), error.text));
  }

  const std::filesystem::path file_;
  const Schema schema_;
  std::unique_ptr<ArrowReader, void (*)(ArrowReader*)> reader_;
};

}  // namespace

std::unique_ptr<Reader> open_parquet(const std::filesystem::path& file, const Schema& schema) {
  return std::make_unique<ParquetTable>(file, schema);
}

}  // namespace kexp::table
