// The module for Parquet: Arrow behind the functions of arrow_abi.hpp. No exception leaves it.

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>

#include "arrow_abi.hpp"
#include "parquet_file.hpp"
#include "parquet_source.hpp"

namespace kexp::table {

struct ArrowWriter {
  ParquetFile file;
};

struct ArrowReader {
  ParquetSource source;
};

namespace {

template <typename Result, typename Action>
Result guarded(ArrowError* error, Result failed, const Action& action) {
  try {
    return action();
  } catch (const std::exception& e) {
    const std::string_view text = e.what();
    const std::size_t length = std::min(text.size(), sizeof(error->text) - 1);
    std::memcpy(error->text, text.data(), length);
    error->text[length] = '\0';
  }
  return failed;
}

ArrowWriter* open(const ArrowColumn* columns, std::uint32_t count, const ArrowSettings* settings,
                  ArrowSink sink, ArrowError* error) {
  return guarded<ArrowWriter*>(error, nullptr, [&] {
    return new ArrowWriter{ParquetFile({columns, columns + count}, *settings, sink)};
  });
}

bool write(ArrowWriter* writer, const void* const* columns, std::uint64_t rows, ArrowError* error) {
  return guarded(error, false, [&] {
    writer->file.write(columns, rows);
    return true;
  });
}

bool finish(ArrowWriter* writer, ArrowError* error) {
  return guarded(error, false, [&] {
    writer->file.finish();
    return true;
  });
}

void close(ArrowWriter* writer) { delete writer; }

ArrowReader* open_reader(const char* file, const ArrowColumn* columns, std::uint32_t count,
                         ArrowError* error) {
  return guarded<ArrowReader*>(error, nullptr, [&] {
    return new ArrowReader{ParquetSource(file, {columns, columns + count})};
  });
}

bool read(ArrowReader* reader, const void** columns, std::uint64_t* rows, ArrowError* error) {
  return guarded(error, false, [&] {
    *rows = reader->source.read(columns);
    return true;
  });
}

void close_reader(ArrowReader* reader) { delete reader; }

}  // namespace
}  // namespace kexp::table

extern "C" __attribute__((visibility("default"))) const kexp::table::ArrowApi* kexp_arrow() {
  using namespace kexp::table;
  static constexpr ArrowApi api{kArrowAbiVersion, open, write,       finish, close,
                                open_reader,      read, close_reader};
  return &api;
}
