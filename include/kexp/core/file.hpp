#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace kexp {

/// The whole content of a file. Errors: FailedError naming the file and the reason.
[[nodiscard]] std::string read_file(const std::filesystem::path& file);

/// Whether a file outlives a power cut right after it was written. `no` is for what can be made again: a file
/// may then be found empty, and sixty of them are written in a few milliseconds instead of hundreds.
enum class Durable { no, yes };

/// Replaces `file` by `content` in one step: a reader sees the old or the new text, never half of
/// one. `mode` holds from its first moment, whatever the umask; without one it is that of any new file.
/// Errors: FailedError naming the file and the reason (a full disk among them); the old file stays then.
void write_file_atomically(const std::filesystem::path& file, std::string_view content,
                           std::optional<std::filesystem::perms> mode = std::nullopt,
                           Durable durable = Durable::yes);

/// Appends to a file that nobody rewrites; buffered, `flush` hands everything to the kernel.
///
/// Whole lines are written, so a process killed at any moment leaves whole lines but for the last.
/// Errors: FailedError naming the file and the reason; the unwritten text stays buffered.
/// Threads: one at a time per object.
class AppendFile {
 public:
  /// `refuse`: a file that exists is an error (a role writes each of its files once per run).
  enum class Existing { append, refuse };
  explicit AppendFile(std::filesystem::path file, Existing existing = Existing::append);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&&) = delete;
  ~AppendFile();

  /// Takes `text`, also when it throws: writing it again would write it twice.
  void write(std::string_view text);
  void flush();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::string buffer_;
  int fd_ = -1;
};

/// An exclusive lock on `file` (flock), held until destroyed; released by the kernel when the
/// process dies.
class FileLock {
 public:
  /// nullopt when another process holds it. Errors: FailedError when the file cannot be made.
  [[nodiscard]] static std::optional<FileLock> try_acquire(const std::filesystem::path& file);
  /// Waits for it, at most 30 s. Errors: FailedError naming the file, also when another process holds it for
  /// longer; InterruptedError when `stop` is requested while it waits.
  [[nodiscard]] static FileLock acquire(const std::filesystem::path& file, std::stop_token stop = {});
  /// As `acquire`, with another bound.
  [[nodiscard]] static FileLock acquire_within(const std::filesystem::path& file,
                                               std::chrono::milliseconds longest, std::stop_token stop = {});
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// `$XDG_CACHE_HOME/kexp`, or `~/.cache/kexp`: what is fetched lives there.
/// Errors: FailedError when neither is known.
[[nodiscard]] std::filesystem::path cache_dir();

}  // namespace kexp
