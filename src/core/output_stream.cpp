#include "kexp/core/output_stream.hpp"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

namespace kexp {

OutputStream::Buffer::Buffer(int descriptor) : descriptor_(descriptor) {
  setp(pending_.data(), pending_.data() + pending_.size());
}

OutputStream::Buffer::~Buffer() { drain(); }

OutputStream::Buffer::int_type OutputStream::Buffer::overflow(int_type next) {
  if (!drain()) {
    return traits_type::eof();
  }
  if (!traits_type::eq_int_type(next, traits_type::eof())) {
    sputc(traits_type::to_char_type(next));
  }
  return traits_type::not_eof(next);
}

int OutputStream::Buffer::sync() { return drain() ? 0 : -1; }

/// Writes what is pending. After a failure nothing more is written: a gap in a result would not be seen.
bool OutputStream::Buffer::drain() {
  const char* next = pbase();
  while (error_ == 0 && next < pptr()) {
    const ssize_t written = ::write(descriptor_, next, static_cast<std::size_t>(pptr() - next));
    if (written >= 0) {
      next += written;
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  setp(pending_.data(), pending_.data() + pending_.size());
  return error_ == 0;
}

OutputStream::OutputStream(int descriptor) : std::ostream(nullptr), buffer_(descriptor) {
  rdbuf(&buffer_);
  struct stat status {};
  has_reader_ = fstat(descriptor, &status) == 0 && !S_ISREG(status.st_mode);
  if (isatty(descriptor) != 0) {
    setf(std::ios::unitbuf);
  }
}

int OutputStream::error() const {
  const int error = buffer_.error();
  const bool is_reader_gone = error == EPIPE || (error == EIO && has_reader_);
  return is_reader_gone ? 0 : error;
}

}  // namespace kexp
