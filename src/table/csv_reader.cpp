#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/table/reader.hpp"

namespace kexp::table {

namespace {

constexpr std::size_t kBatchRows = 16'384;

template <typename Number>
bool parse(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_double(std::string_view text, double& value) {
  if (text == "NaN") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (text == "+Inf" || text == "-Inf") {
    value = text.front() == '+' ? HUGE_VAL : -HUGE_VAL;
  } else {
    return parse(text, value);
  }
  return true;
}

class CsvTable final : public Reader {
 public:
  CsvTable(const std::filesystem::path& file, Schema schema)
      : file_(file), schema_(std::move(schema)), reader_(file, CsvReader::Tail::drop) {
    if (!reader_.next()) {
      throw FailedError(fmt::format("{} has no header", file_.string()));
    }
    for (const Column& column : schema_) {
      const auto position = reader_.position(column.name);
      if (!position) {
        throw FailedError(fmt::format("{} has no column {}", file_.string(), column.name));
      }
      positions_.push_back(*position);
    }
  }

  bool read(Batch& batch) override {
    batch.clear();
    for (std::size_t row = 0; row < kBatchRows && reader_.next(); ++row) {
      for (std::size_t column = 0; column < schema_.size(); ++column) {
        take(batch, column);
      }
    }
    return batch.rows() > 0;
  }

 private:
  void take(Batch& batch, std::size_t column) const {
    const auto& row = reader_.row();
    if (positions_[column] >= row.size()) {
      throw bad(column, "is missing");
    }
    const std::string_view text = row[positions_[column]];
    switch (schema_[column].type) {
      case ColumnType::int64:
      case ColumnType::timestamp_ms:
        if (!parse(text, batch.int64s(column).emplace_back())) {
          throw bad(column, "is no whole number");
        }
        break;
      case ColumnType::float64:
        if (!parse_double(text, batch.float64s(column).emplace_back())) {
          throw bad(column, "is no number");
        }
        break;
      case ColumnType::text:
        batch.texts(column).emplace_back(text);
        break;
    }
  }

  [[nodiscard]] FailedError bad(std::size_t column, std::string_view what) const {
    return FailedError(
        fmt::format("{}:{}: {} {}", file_.string(), reader_.line(), schema_[column].name, what));
  }

  const std::filesystem::path file_;
  const Schema schema_;
  CsvReader reader_;
  std::vector<std::size_t> positions_;
};

}  // namespace

std::unique_ptr<Reader> open_csv(const std::filesystem::path& file, const Schema& schema) {
  return std::make_unique<CsvTable>(file, schema);
}

}  // namespace kexp::table
