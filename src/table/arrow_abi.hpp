#pragma once

// What the main binary and kexp_arrow.so agree on: C types and functions only, because the two may come from
// different builds. Change it, and raise kArrowAbiVersion.

#include <cstdint>

namespace kexp::table {

constexpr std::uint32_t kArrowAbiVersion = 2;
constexpr const char* kArrowEntry = "kexp_arrow";

/// Why a call failed, ended by a NUL.
struct ArrowError {
  char text[512];
};

enum class ArrowType : std::int32_t { int64, timestamp_ms, float64, text };

struct ArrowColumn {
  const char* name;
  ArrowType type;
};

/// One value of a text column, UTF-8.
struct ArrowText {
  const char* bytes;
  std::uint64_t size;
};

/// Of float64 columns; `best` is the smallest of the others for the first rows of a column.
enum class ArrowEncoding : std::int32_t { best, dictionary, byte_stream_split, plain };

struct ArrowSettings {
  ArrowEncoding numbers;
  std::uint64_t group_rows;  ///< Most rows of a row group.
};

/// Takes the next bytes of the file; after a false nothing more comes.
struct ArrowSink {
  bool (*take)(void* context, const void* bytes, std::uint64_t size);
  void* context;
};

struct ArrowWriter;
struct ArrowReader;

struct ArrowApi {
  std::uint32_t version;
  /// nullptr, and `error`, when it fails. The writer is given back with `close`, before its sink's context
  /// goes.
  ArrowWriter* (*open)(const ArrowColumn* columns, std::uint32_t count, const ArrowSettings* settings,
                       ArrowSink sink, ArrowError* error);
  /// `columns[i]` points to `rows` values of column i: std::int64_t (timestamps too), double or ArrowText.
  bool (*write)(ArrowWriter* writer, const void* const* columns, std::uint64_t rows, ArrowError* error);
  /// Writes what is left, and the end of the file.
  bool (*finish)(ArrowWriter* writer, ArrowError* error);
  void (*close)(ArrowWriter* writer);

  /// Of the columns of these names, in this order. nullptr, and `error`, when it fails. The reader is given
  /// back with `close_reader`.
  ArrowReader* (*open_reader)(const char* file, const ArrowColumn* columns, std::uint32_t count,
                              ArrowError* error);
  /// The next rows: `columns[i]` then points to `*rows` values of column i, until the next call. 0 rows at
  /// the end.
  bool (*read)(ArrowReader* reader, const void** columns, std::uint64_t* rows, ArrowError* error);
  void (*close_reader)(ArrowReader* reader);
};

}  // namespace kexp::table
