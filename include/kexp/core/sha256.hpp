#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace kexp {

/// SHA-256 of what was added so far, as 64 lower-case hex digits (OpenSSL).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::span<const std::uint8_t> bytes);
  void add(std::string_view text);
  /// Little-endian, whatever the machine.
  void add_u64(std::uint64_t value);
  void add_u32(std::uint32_t value);
  /// Ends the hash; call it once.
  [[nodiscard]] std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] std::string sha256_hex(std::string_view text);
/// Errors: FailedError naming the file.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace kexp
