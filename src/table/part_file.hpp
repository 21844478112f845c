#pragma once

#include <filesystem>
#include <span>

namespace kexp::table {

/// A file that appears whole under its name, or not at all: until it is put in place it has a hidden name
/// in the same folder. Errors: FailedError naming the file and the reason.
class PartFile {
 public:
  /// `file` must not exist.
  explicit PartFile(std::filesystem::path file);
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  /// Removes it unless it was put in place.
  ~PartFile();

  void write(std::span<const std::uint8_t> bytes);
  void put_in_place();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::filesystem::path part_;
  int fd_ = -1;
};

}  // namespace kexp::table
