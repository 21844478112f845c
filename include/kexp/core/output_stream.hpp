#pragma once

#include <array>
#include <cstddef>
#include <ostream>
#include <streambuf>

namespace kexp {

/// Results on their way to a file descriptor, which remembers why it could not take them: std::cout only
/// knows that it could not. Buffered; on a terminal every piece is shown at once.
///
/// Threads: one at a time. Lifetime: the descriptor stays open; the end of the object writes the rest.
class OutputStream final : public std::ostream {
 public:
  explicit OutputStream(int descriptor);

  /// The errno of the first write that failed; 0 when none did, and when the reader has gone: a closed pipe
  /// or a terminal that hung up is no failure of who writes.
  [[nodiscard]] int error() const;

 private:
  class Buffer final : public std::streambuf {
   public:
    explicit Buffer(int descriptor);
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() override;

    [[nodiscard]] int error() const { return error_; }

   protected:
    int_type overflow(int_type next) override;
    int sync() override;

   private:
    bool drain();

    const int descriptor_;
    int error_ = 0;
    std::array<char, 16'384> pending_{};
  };

  Buffer buffer_;
  bool has_reader_;  ///< The descriptor is no file: who reads it may go.
};

}  // namespace kexp
