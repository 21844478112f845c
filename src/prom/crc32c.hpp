#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kexp::prom {

/// CRC-32C (Castagnoli), by the processor's instruction where it has one.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes);

/// The same without it: for other processors, and to test one by the other.
[[nodiscard]] std::uint32_t crc32c_by_table(std::span<const std::byte> bytes);

}  // namespace kexp::prom
