#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/table/table.hpp"

#include "batch_check.hpp"
#include "part_file.hpp"

namespace kexp::table {

namespace {

constexpr std::size_t kFlushBytes = 256 * 1024;

void append(std::string& line, std::string_view value) { append_csv_field(line, value); }

template <typename Number>
void append_number(std::string& line, Number value) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  line.append(digits.data(), end);
}

void append(std::string& line, std::int64_t value) { append_number(line, value); }

void append(std::string& line, double value) {
  if (std::isnan(value)) {
    line += "NaN";
  } else if (std::isinf(value)) {
    line += value > 0 ? "+Inf" : "-Inf";
  } else {
    append_number(line, value);
  }
}

class CsvWriter final : public Writer {
 public:
  CsvWriter(const std::filesystem::path& path, const Schema& schema) : schema_(schema), file_(path) {
    const char* comma = "";
    for (const Column& column : schema) {
      text_ += comma;
      append(text_, column.name);
      comma = ",";
    }
    text_ += '\n';
  }

  void write(const Batch& batch) override {
    check_fits(batch, schema_, file_.path());
    const std::size_t rows = batch.rows();
    for (std::size_t row = 0; row < rows; ++row) {
      const char* comma = "";
      for (const Values& column : batch.columns()) {
        text_ += comma;
        std::visit([&](const auto& values) { append(text_, values[row]); }, column);
        comma = ",";
      }
      text_ += '\n';
      if (text_.size() >= kFlushBytes) {
        hand_over();
      }
    }
    rows_ += rows;
  }

  WrittenFile finish() override {
    hand_over();
    file_.put_in_place();
    return {file_.path(), rows_, bytes_, hash_.hex()};
  }

 private:
  void hand_over() {
    hash_.add(text_);
    bytes_ += text_.size();
    file_.write({reinterpret_cast<const std::uint8_t*>(text_.data()), text_.size()});
    text_.clear();
  }

  const Schema schema_;
  PartFile file_;
  Sha256 hash_;
  std::string text_;  // Rows that are neither hashed nor written yet.
  std::uint64_t rows_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Writer> make_csv_writer(const std::filesystem::path& file, const Schema& schema) {
  return std::make_unique<CsvWriter>(file, schema);
}

}  // namespace kexp::table
