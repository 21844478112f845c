#include "part_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::table {

namespace {

FailedError cannot_write(const std::filesystem::path& file, int error) {
  return FailedError(
      fmt::format("cannot write {}: {}", file.string(), std::generic_category().message(error)));
}

}  // namespace

PartFile::PartFile(std::filesystem::path file)
    : path_(std::move(file)),
      part_(path_.parent_path() / fmt::format(".{}.part", path_.filename().string())) {
  std::error_code ignored;
  if (std::filesystem::exists(path_, ignored)) {
    throw cannot_write(path_, EEXIST);
  }
  fd_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    throw cannot_write(path_, errno);
  }
}

PartFile::~PartFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    unlink(part_.c_str());
  }
}

void PartFile::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      throw cannot_write(path_, errno);
    }
  }
}

void PartFile::put_in_place() {
  int error = ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno;  // a network file system may be full only now
  if (error == 0 && rename(part_.c_str(), path_.c_str()) != 0) {
    error = errno;
  }
  if (error != 0) {
    unlink(part_.c_str());
    throw cannot_write(path_, error);
  }
}

}  // namespace kexp::table
