#include <exception>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/table/table.hpp"

#include "arrow_library.hpp"
#include "batch_check.hpp"
#include "part_file.hpp"

namespace kexp::table {

namespace {

ArrowEncoding arrow_encoding(NumberEncoding encoding) {
  switch (encoding) {
    case NumberEncoding::dictionary:
      return ArrowEncoding::dictionary;
    case NumberEncoding::byte_stream_split:
      return ArrowEncoding::byte_stream_split;
    case NumberEncoding::plain:
      return ArrowEncoding::plain;
    case NumberEncoding::best:
      break;
  }
  return ArrowEncoding::best;
}

/// The module turns columns into the bytes of the file; the file itself is ours.
class ParquetWriter final : public Writer {
 public:
  ParquetWriter(const std::filesystem::path& file, const Schema& schema, const ParquetOptions& options)
      : schema_(schema), file_(file), writer_(nullptr, arrow().close) {
    const std::vector<ArrowColumn> columns = arrow_columns(schema_);
    const ArrowSettings settings{arrow_encoding(options.numbers), options.group_rows};
    ArrowError error{};
    writer_.reset(arrow().open(columns.data(), static_cast<std::uint32_t>(columns.size()), &settings,
                               {take, this}, &error));
    if (!writer_) {
      fail(error);
    }
  }

  void write(const Batch& batch) override {
    check_fits(batch, schema_, file_.path());
    std::vector<std::vector<ArrowText>> texts(schema_.size());
    std::vector<const void*> columns;
    for (std::size_t i = 0; i < schema_.size(); ++i) {
      if (const auto* strings = std::get_if<std::vector<std::string>>(&batch.columns()[i])) {
        for (const std::string& text : *strings) {
          texts[i].push_back({text.data(), text.size()});
        }
        columns.push_back(texts[i].data());
      } else {
        columns.push_back(
            std::visit([](const auto& values) -> const void* { return values.data(); }, batch.columns()[i]));
      }
    }
    ArrowError error{};
    if (!arrow().write(writer_.get(), columns.data(), batch.rows(), &error)) {
      fail(error);
    }
    rows_ += batch.rows();
  }

  WrittenFile finish() override {
    ArrowError error{};
    if (!arrow().finish(writer_.get(), &error)) {
      fail(error);
    }
    file_.put_in_place();
    return {file_.path(), rows_, bytes_, hash_.hex()};
  }

 private:
  // No exception passes through the module: it waits here until the call is back.
  static bool take(void* context, const void* bytes, std::uint64_t size) {
    auto& self = *static_cast<ParquetWriter*>(context);
    try {
      const std::span content(static_cast<const std::uint8_t*>(bytes), size);
      self.file_.write(content);
      self.hash_.add(content);
      self.bytes_ += size;
      return true;
    } catch (...) {
      self.failure_ = std::current_exception();
      return false;
    }
  }

  [[noreturn]] void fail(const ArrowError& error) const {
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    throw FailedError(fmt::format("cannot write {}: {}", file_.path().string(), error.text));
  }

  const Schema schema_;
  PartFile file_;
  Sha256 hash_;
  std::uint64_t rows_ = 0;
  std::uint64_t bytes_ = 0;
  std::exception_ptr failure_;
  std::unique_ptr<ArrowWriter, void (*)(ArrowWriter*)> writer_;
};

}  // namespace

std::unique_ptr<Writer> make_parquet_writer(const std::filesystem::path& file, const Schema& schema,
                                            const ParquetOptions& options) {
  require_parquet();
  return std::make_unique<ParquetWriter>(file, schema, options);
}

}  // namespace kexp::table
