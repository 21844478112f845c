#include "sample_store.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <limits>
#include <system_error>
#include <type_traits>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::extractor {

namespace {

static_assert(std::is_trivially_copyable_v<prom::Sample> && sizeof(prom::Sample) == 16);

FailedError cannot(const char* verb, const std::filesystem::path& folder, int error) {
  return FailedError(fmt::format("cannot {} samples in {}: {}", verb, folder.string(),
                                 std::generic_category().message(error)));
}

}  // namespace

SampleStore::SampleStore(const std::filesystem::path& folder, std::size_t series)
    : folder_(folder), runs_(series), last_ms_(series, std::numeric_limits<std::int64_t>::min()) {
  std::string name = (folder / ".samples-XXXXXX").string();
  fd_ = mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) {
    throw cannot("keep", folder_, errno);
  }
  unlink(name.c_str());
}

SampleStore::~SampleStore() { close(fd_); }

void SampleStore::append(std::size_t series, std::span<const prom::Sample> samples) {
  for (const prom::Sample& sample : samples) {
    if (sample.ts_ms <= last_ms_[series]) {
      throw FailedError(fmt::format("Prometheus gave the point {} ms of one series twice", sample.ts_ms));
    }
    last_ms_[series] = sample.ts_ms;
  }
  const auto bytes = std::as_bytes(samples);
  const auto end = static_cast<off_t>(size_ * sizeof(prom::Sample));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written =
        pwrite(fd_, bytes.data() + done, bytes.size() - done, end + static_cast<off_t>(done));
    if (written < 0 && errno != EINTR) {
      throw cannot("keep", folder_, errno);
    }
    done += written < 0 ? 0 : static_cast<std::size_t>(written);
  }
  if (!samples.empty()) {
    runs_[series].push_back({size_, samples.size()});
  }
  size_ += samples.size();
}

std::uint64_t SampleStore::count(std::size_t series) const {
  std::uint64_t count = 0;
  for (const Run& run : runs_[series]) {
    count += run.count;
  }
  return count;
}

std::vector<prom::Sample> SampleStore::read(std::size_t series) const {
  std::vector<prom::Sample> samples(count(series));
  auto rest = std::as_writable_bytes(std::span(samples));
  for (const Run& run : runs_[series]) {
    auto offset = static_cast<off_t>(run.offset * sizeof(prom::Sample));
    std::size_t left = run.count * sizeof(prom::Sample);
    while (left > 0) {
      const ssize_t got = pread(fd_, rest.data(), left, offset);
      if (got == 0 || (got < 0 && errno != EINTR)) {
        throw cannot("read back", folder_, got == 0 ? EIO : errno);
      }
      const auto taken = got < 0 ? 0 : static_cast<std::size_t>(got);
      rest = rest.subspan(taken);
      offset += static_cast<off_t>(taken);
      left -= taken;
    }
  }
  return samples;
}

}  // namespace kexp::extractor
