#include "kexp/core/output_stream.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "kexp/core/file.hpp"

#include "support/temp_dir.hpp"

namespace kexp {
namespace {

/// Closes it at the end of the scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(number_); }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

TEST(OutputStreamTest, WritesWhatItIsGivenWholeAndInOrder) {
  const test::TempDir dir;
  const Descriptor file(open((dir / "out").c_str(), O_WRONLY | O_CREAT, 0666));
  std::string expected;
  {
    OutputStream out(file.number());
    for (int i = 0; i < 20'000; ++i) {
      out << i << '\n';
      expected += std::to_string(i) + '\n';
    }
    EXPECT_TRUE(out.good());
    EXPECT_EQ(out.error(), 0);
  }

  EXPECT_EQ(read_file(dir / "out"), expected);
}

TEST(OutputStreamTest, FlushWritesAtOnce) {
  const test::TempDir dir;
  const Descriptor file(open((dir / "out").c_str(), O_WRONLY | O_CREAT, 0666));
  OutputStream out(file.number());
  out << "line\n";
  EXPECT_EQ(read_file(dir / "out"), "");
  out.flush();

  EXPECT_EQ(read_file(dir / "out"), "line\n");
}

TEST(OutputStreamTest, FullDiskIsRememberedAtTheFlush) {
  const Descriptor full(open("/dev/full", O_WRONLY));
  OutputStream out(full.number());
  out << "line\n";
  EXPECT_EQ(out.error(), 0);
  out.flush();
  errno = 0;

  EXPECT_FALSE(out.good());
  EXPECT_EQ(out.error(), ENOSPC);
}

TEST(OutputStreamTest, FullDiskIsRememberedInTheMiddleOfALongResult) {
  const Descriptor full(open("/dev/full", O_WRONLY));
  OutputStream out(full.number());
  out << std::string(100'000, 'x');

  EXPECT_FALSE(out.good());
  EXPECT_EQ(out.error(), ENOSPC);
}

TEST(OutputStreamTest, ClosedPipeIsNoError) {
  std::signal(SIGPIPE, SIG_IGN);  // As StopSignal does.
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const Descriptor writing(ends[1]);
  close(ends[0]);
  OutputStream out(writing.number());
  out << "line\n" << std::flush;
  std::signal(SIGPIPE, SIG_DFL);

  EXPECT_FALSE(out.good());
  EXPECT_EQ(out.error(), 0);
}

TEST(OutputStreamTest, TerminalShowsEveryPieceAtOnceAndMayHangUp) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(master, 0);
  ASSERT_EQ(grantpt(master), 0);
  ASSERT_EQ(unlockpt(master), 0);
  const Descriptor terminal(open(ptsname(master), O_RDWR | O_NOCTTY));
  OutputStream out(terminal.number());
  out << "shown";
  std::array<char, 16> text{};
  EXPECT_EQ(read(master, text.data(), text.size()), 5);
  EXPECT_STREQ(text.data(), "shown");

  close(master);
  out << "lost";
  EXPECT_FALSE(out.good());
  EXPECT_EQ(out.error(), 0);
}

}  // namespace
}  // namespace kexp
