#include "kexp/core/sha256.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "kexp/core/error.hpp"

#include "fd.hpp"

namespace kexp {

struct Sha256::Context {
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> md{EVP_MD_CTX_new()};
  bool ended = false;
};

namespace {

void check(int result) {
  if (result != 1) {
    throw std::logic_error("OpenSSL refused a SHA-256 operation");
  }
}

}  // namespace

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  check(EVP_DigestInit_ex(context_->md.get(), EVP_sha256(), nullptr));
}

Sha256::~Sha256() = default;

void Sha256::add(std::span<const std::uint8_t> bytes) {
  check(EVP_DigestUpdate(context_->md.get(), bytes.data(), bytes.size()));
}

void Sha256::add(std::string_view text) {
  check(EVP_DigestUpdate(context_->md.get(), text.data(), text.size()));
}

void Sha256::add_u64(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(value & 0xFFU);
    value >>= 8U;
  }
  add(bytes);
}

void Sha256::add_u32(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(value & 0xFFU);
    value >>= 8U;
  }
  add(bytes);
}

std::string Sha256::hex() {
  if (context_->ended) {
    throw std::logic_error("Sha256::hex called twice");
  }
  context_->ended = true;
  std::array<std::uint8_t, 32> digest{};
  unsigned int size = 0;
  check(EVP_DigestFinal_ex(context_->md.get(), digest.data(), &size));
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += fmt::format("{:02x}", byte);
  }
  return text;
}

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  return hash.hex();
}

std::string sha256_of_file(const std::filesystem::path& file) {
  const auto fail = [&] {
    return FailedError(fmt::format("cannot read {}: {}", file.string(), errno_text(errno)));
  };
  const Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    throw fail();
  }
  Sha256 hash;
  std::vector<std::uint8_t> chunk(std::size_t{1} << 18U);
  for (;;) {
    const ssize_t got = read(fd.get(), chunk.data(), chunk.size());
    if (got > 0) {
      hash.add(std::span(chunk.data(), static_cast<std::size_t>(got)));
    } else if (got == 0) {
      return hash.hex();
    } else if (errno != EINTR) {
      throw fail();
    }
  }
}

}  // namespace kexp
