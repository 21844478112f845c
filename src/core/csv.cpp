#include "kexp/core/csv.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

#include "fd.hpp"

namespace kexp {

namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

void append_csv_field(std::string& line, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    line.append(c == '"' ? 2 : 1, c);
  }
  line += '"';
}

void append_csv_field(std::string& line, double value) {
  fmt::format_to(std::back_inserter(line), "{}", value);
}

void append_csv_integer(std::string& line, std::int64_t value) {
  fmt::format_to(std::back_inserter(line), "{}", value);
}

CsvReader::CsvReader(std::filesystem::path file, Tail tail) : file_(std::move(file)), tail_(tail) {
  fd_ = open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) {
    throw FailedError(fmt::format("cannot read {}: {}", file_.string(), errno_text(errno)));
  }
}

CsvReader::~CsvReader() { close(fd_); }

// Makes room by dropping what was read, then adds one chunk of the file.
void CsvReader::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kChunkBytes);
  ssize_t got = 0;
  do {
    got = read(fd_, buffer_.data() + size, kChunkBytes);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    throw FailedError(fmt::format("cannot read {}: {}", file_.string(), errno_text(errno)));
  }
  buffer_.resize(size + static_cast<std::size_t>(got));
  at_end_ = got == 0;
  if (line_ == 1 && size == 0 && std::string_view(buffer_).starts_with(kByteOrderMark)) {
    begin_ = kByteOrderMark.size();
  }
}

// The position of the line end of the row that starts at begin_, or npos when it is not in the buffer.
// A quote opens a quoted field only at the field's start, as RFC 4180 has it.
std::size_t CsvReader::find_row_end() {
  enum class State { field_start, plain, quoted, closed } state = State::field_start;
  for (std::size_t i = begin_; i < buffer_.size(); ++i) {
    const char c = buffer_[i];
    if (state == State::quoted) {
      state = c == '"' ? State::closed : State::quoted;
    } else if (c == '\n') {
      return i;
    } else if (c == '"' && state != State::plain) {  // After `closed`: a doubled quote.
      state = State::quoted;
    } else {
      state = c == ',' ? State::field_start : State::plain;
    }
  }
  open_quote_ = state == State::quoted;
  return std::string::npos;
}

// Splits [begin_, end) into fields; doubled quotes are undone within the buffer.
void CsvReader::split(std::size_t end) {
  row_.clear();
  std::size_t i = begin_;
  for (;;) {
    char* const start = buffer_.data() + i;
    std::size_t length = 0;
    if (i < end && buffer_[i] == '"') {
      for (++i; i < end; ++i, ++length) {
        if (buffer_[i] == '"' && !(i + 1 < end && buffer_[i + 1] == '"' && ++i)) {
          ++i;
          break;
        }
        start[length] = buffer_[i];
      }
    }
    for (; i < end && buffer_[i] != ','; ++i, ++length) {
      start[length] = buffer_[i];
    }
    row_.emplace_back(start, length);
    if (i >= end) {
      return;
    }
    ++i;
  }
}

bool CsvReader::next() {
  for (;;) {
    std::size_t end = find_row_end();
    while (end == std::string::npos && !at_end_) {
      fill();
      end = find_row_end();
    }
    const bool whole = end != std::string::npos;
    if (!whole) {
      end = buffer_.size();
      if (begin_ == end) {
        return false;
      }
      if (tail_ == Tail::drop) {
        torn_ = true;
        return false;
      }
      if (open_quote_) {
        throw FailedError(fmt::format("{}:{}: a quote is never closed", file_.string(), line_));
      }
    }
    const auto first = buffer_.begin() + static_cast<std::ptrdiff_t>(begin_);
    const auto last = buffer_.begin() + static_cast<std::ptrdiff_t>(end);
    row_line_ = line_;
    line_ += static_cast<std::size_t>(std::count(first, last, '\n')) + 1;
    const std::size_t text_end = end > begin_ && buffer_[end - 1] == '\r' ? end - 1 : end;
    const bool empty = text_end == begin_;
    if (!empty) {
      split(text_end);
    }
    begin_ = whole ? end + 1 : end;
    if (!empty) {
      return true;
    }
  }
}

std::optional<std::size_t> CsvReader::position(std::string_view name) const {
  const auto found = std::find(row_.begin(), row_.end(), name);
  if (found == row_.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - row_.begin());
}

}  // namespace kexp
