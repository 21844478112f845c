#pragma once

/// Comma-separated values as RFC 4180 has them, with LF as line end: lines to write, and a reader that takes
/// files of any length and the torn last line of a process that was killed.

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kexp {

/// Appends one field, without a comma. A text is quoted when it has a comma, a quote or a line end; a double
/// is the shortest text that reads back the same.
void append_csv_field(std::string& line, std::string_view text);
void append_csv_field(std::string& line, double value);
void append_csv_integer(std::string& line, std::int64_t value);
template <std::integral T>
void append_csv_field(std::string& line, T value) {
  append_csv_integer(line, static_cast<std::int64_t>(value));
}

/// One line with its line end: csv_line("a,b", 3, 0.5) is "\"a,b\",3,0.5\n".
template <typename... Fields>
[[nodiscard]] std::string csv_line(const Fields&... fields) {
  std::string line;
  const char* comma = "";
  ((line += comma, append_csv_field(line, fields), comma = ","), ...);
  line += '\n';
  return line;
}

/// Reads a file row by row; the header is a row like any other. Empty lines and a byte order mark are
/// skipped, CRLF is taken as LF.
///
/// Errors: FailedError naming the file (and the line). Threads: one at a time per object.
class CsvReader {
 public:
  /// What becomes of a last line without its line end: `keep` for files of people, `drop` for our own, where
  /// it means that the writer was killed within it.
  enum class Tail { keep, drop };
  explicit CsvReader(std::filesystem::path file, Tail tail = Tail::keep);
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;
  ~CsvReader();

  /// Goes to the next row; false at the end.
  [[nodiscard]] bool next();
  /// The fields of this row; they live until the next call of `next`.
  [[nodiscard]] const std::vector<std::string_view>& row() const { return row_; }
  /// The position of the field `name` in this row: in the header, the column.
  [[nodiscard]] std::optional<std::size_t> position(std::string_view name) const;
  /// The line, from 1, that this row starts on.
  [[nodiscard]] std::size_t line() const { return row_line_; }
  /// True when the last line was dropped.
  [[nodiscard]] bool torn() const { return torn_; }

 private:
  void fill();
  [[nodiscard]] std::size_t find_row_end();
  void split(std::size_t end);

  std::filesystem::path file_;
  Tail tail_;
  int fd_ = -1;
  std::string buffer_;
  std::size_t begin_ = 0;  // Of what is not yet read in the buffer.
  bool at_end_ = false;    // The file has no more than what is in the buffer.
  bool open_quote_ = false;
  bool torn_ = false;
  std::size_t line_ = 1;
  std::size_t row_line_ = 0;
  std::vector<std::string_view> row_;
};

}  // namespace kexp
