#include "kexp/core/file.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/on_disk.hpp"

#include "fd.hpp"

namespace kexp {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::chrono::seconds kLockPatience{30};
constexpr int kLockPollMs = 20;

FailedError cannot(const char* verb, const fs::path& file, int error) {
  return FailedError(fmt::format("cannot {} {}: {}", verb, file.string(), errno_text(error)));
}

// Writes as much of `text` as the kernel takes; returns how much, and leaves 0 or the reason in `error`.
std::size_t write_some(int fd, std::string_view text, int& error) {
  std::size_t done = 0;
  error = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno != EINTR) {
      error = errno;
      break;
    }
  }
  return done;
}

int open_lock(const fs::path& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) {
    throw cannot("lock", file, errno);
  }
  return fd;
}

// 0, or errno.
int lock(int fd, int operation) {
  while (flock(fd, operation) != 0) {
    if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

std::string read_file(const fs::path& file) {
  const Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    throw cannot("read", file, errno);
  }
  std::string content;
  struct stat info {};
  if (fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    content.reserve(static_cast<std::size_t>(info.st_size));
  }
  std::array<char, 64 * 1024> chunk{};
  for (;;) {
    const ssize_t got = read(fd.get(), chunk.data(), chunk.size());
    if (got > 0) {
      content.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      return content;
    } else if (errno != EINTR) {
      throw cannot("read", file, errno);
    }
  }
}

void write_file_atomically(const fs::path& file, std::string_view content, std::optional<fs::perms> mode,
                           Durable durable) {
  static std::atomic<unsigned> counter{0};
  const fs::path temp =
      file.parent_path() / fmt::format(".{}.{}.{}.tmp", file.filename().string(), getpid(), ++counter);
  const auto bits = static_cast<mode_t>(mode.value_or(static_cast<fs::perms>(0666)));
  Fd fd(open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, bits));
  if (!fd) {
    throw cannot("write", file, errno);
  }
  int error = mode && fchmod(fd.get(), bits) != 0 ? errno : 0;
  if (error == 0) {
    write_some(fd.get(), content, error);
  }
  if (error == 0 && durable == Durable::yes && fsync(fd.get()) != 0) {
    error = errno;
  }
  if (close(fd.release()) != 0 && error == 0) {  // A network file system may say only now that it is full.
    error = errno;
  }
  if (error == 0 && rename(temp.c_str(), file.c_str()) != 0) {
    error = errno;
  }
  if (error != 0) {
    unlink(temp.c_str());
    throw cannot("write", file, error);
  }
}

AppendFile::AppendFile(fs::path file, Existing existing) : path_(std::move(file)) {
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (existing == Existing::refuse ? O_EXCL : 0);
  fd_ = open(path_.c_str(), flags, 0666);
  if (fd_ < 0) {
    throw cannot("write", path_, errno);
  }
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)),
      buffer_(std::exchange(other.buffer_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

AppendFile::~AppendFile() {
  if (fd_ >= 0) {
    int error = 0;
    write_some(fd_, buffer_, error);
    close(fd_);
  }
}

void AppendFile::write(std::string_view text) {
  buffer_.append(text);
  if (buffer_.size() < kBufferBytes) {
    return;
  }
  const std::size_t last = buffer_.rfind('\n');
  if (last == std::string::npos) {
    return;
  }
  int error = 0;
  buffer_.erase(0, write_some(fd_, std::string_view(buffer_).substr(0, last + 1), error));
  if (error != 0) {
    throw cannot("write", path_, error);
  }
}

void AppendFile::flush() {
  int error = 0;
  buffer_.erase(0, write_some(fd_, buffer_, error));
  if (error != 0) {
    throw cannot("write", path_, error);
  }
}

std::optional<FileLock> FileLock::try_acquire(const fs::path& file) {
  FileLock result(open_lock(file));
  const int error = lock(result.fd_, LOCK_EX | LOCK_NB);
  if (error == EWOULDBLOCK) {
    return std::nullopt;
  }
  if (error != 0) {
    throw cannot("lock", file, error);
  }
  return result;
}

FileLock FileLock::acquire(const fs::path& file, std::stop_token stop) {
  return acquire_within(file, kLockPatience, std::move(stop));
}

FileLock FileLock::acquire_within(const fs::path& file, std::chrono::milliseconds longest,
                                  std::stop_token stop) {
  const auto deadline = std::chrono::steady_clock::now() + longest;
  while (true) {
    if (std::optional<FileLock> free = try_acquire(file)) {
      return std::move(*free);
    }
    if (stop.stop_requested()) {
      throw InterruptedError(fmt::format("stopped while another process held {}", file.string()));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      throw FailedError(
          fmt::format("{} was held by another process (another kexp at work there?) for {} s; try again when "
                      "it has ended",
                      file.string(), std::chrono::duration<double>(longest).count()));
    }
    poll(nullptr, 0, kLockPollMs);
  }
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

FailedError disk_error(std::string_view verb, const fs::filesystem_error& error) {
  if (error.path1().empty()) {  // Walking through a folder does not say where it failed.
    return FailedError(fmt::format("cannot {}: {}", verb, error.what()));
  }
  return FailedError(fmt::format("cannot {} {}: {}", verb, error.path1().string(), error.code().message()));
}

fs::path cache_dir() {
  // The XDG specification: a relative path is to be ignored.
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') {
    return fs::path(cache) / "kexp";
  }
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return fs::path(home) / ".cache" / "kexp";
  }
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> space{};
  if (getpwuid_r(getuid(), &entry, space.data(), space.size(), &found) == 0 && found != nullptr) {
    return fs::path(found->pw_dir) / ".cache" / "kexp";
  }
  throw FailedError("no folder for what is fetched: set XDG_CACHE_HOME or HOME");
}

}  // namespace kexp
