#include "sample_store.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <limits>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::extractor {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

FailedError cannot(const char* verb, const std::filesystem::path& folder, int error) {
  return FailedError(fmt::format("cannot {} samples in {}: {}", verb, folder.string(),
                                 std::generic_category().message(error)));
}

}  // namespace

SampleStore::SampleStore(const std::filesystem::path& folder, std::size_t series)
    : folder_(folder), series_(series, Series{{}, {}, {}, kNever}) {
  std::string name = (folder / ".samples-XXXXXX").string();
  fd_ = mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) {
    throw cannot("keep", folder_, errno);
  }
  unlink(name.c_str());
}

SampleStore::~SampleStore() { close(fd_); }

void SampleStore::append(std::size_t series, const SeriesRows& rows) {
  Series& to = series_[series];
  for (const std::int64_t ts_ms : rows.ts_ms) {
    if (ts_ms <= to.last_ms) {
      throw FailedError(fmt::format("Prometheus gave the point {} ms of one series twice", ts_ms));
    }
    to.last_ms = ts_ms;
  }
  if (!rows.ts_ms.empty()) {
    to.runs.push_back({size_, rows.ts_ms.size()});
    write(std::as_bytes(rows.ts_ms));
    write(std::as_bytes(rows.values));
  }
  to.ended_ms.insert(to.ended_ms.end(), rows.ended_ms.begin(), rows.ended_ms.end());
  to.histograms.insert(to.histograms.end(), rows.histograms.begin(), rows.histograms.end());
}

void SampleStore::clear() {
  if (ftruncate(fd_, 0) != 0) {
    throw cannot("drop", folder_, errno);
  }
  size_ = 0;
  series_.assign(series_.size(), Series{{}, {}, {}, kNever});
}

void SampleStore::visit(std::size_t series, const std::function<void(const SeriesRows&)>& take) const {
  const Series& from = series_[series];
  std::vector<std::int64_t> ts_ms;
  std::vector<double> values;
  for (const Run& run : from.runs) {
    ts_ms.resize(run.count);
    values.resize(run.count);
    const auto times = std::as_writable_bytes(std::span(ts_ms));
    read(run.offset, times);
    read(run.offset + times.size(), std::as_writable_bytes(std::span(values)));
    take({ts_ms, values, {}, {}});
  }
  if (!from.ended_ms.empty() || !from.histograms.empty()) {
    take({{}, {}, from.ended_ms, from.histograms});
  }
}

void SampleStore::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno != EINTR) {
      throw cannot("keep", folder_, errno);
    }
    const auto done = written < 0 ? 0 : static_cast<std::size_t>(written);
    bytes = bytes.subspan(done);
    size_ += done;
  }
}

void SampleStore::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got == 0 || (got < 0 && errno != EINTR)) {
      throw cannot("read back", folder_, got == 0 ? EIO : errno);
    }
    const auto done = got < 0 ? 0 : static_cast<std::size_t>(got);
    bytes = bytes.subspan(done);
    offset += done;
  }
}

}  // namespace kexp::extractor
