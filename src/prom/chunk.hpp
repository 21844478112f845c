#pragma once

/// Chunks of samples as Prometheus stores and streams them (tsdb/docs/format/chunks.md).
///
/// Pure. Errors: BadAnswer for bytes that are no such chunk; what was appended by then may be garbage.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kexp/prom/remote_read.hpp"

namespace kexp::prom {

/// How many samples a chunk says that it has, at the start of a head of `head_bytes`.
[[nodiscard]] std::size_t sample_count(std::span<const std::byte> chunk, std::size_t head_bytes);

/// Appends all samples of a chunk of numbers (encoding XOR).
void decode_xor_chunk(std::span<const std::byte> chunk, std::vector<std::int64_t>& ts_ms,
                      std::vector<double>& values);

/// Appends all samples of a chunk of native histograms. A mark of the series' end has the stale NaN as its
/// sum and no buckets.
void decode_histogram_chunk(std::span<const std::byte> chunk, std::vector<Histogram>& histograms);
void decode_float_histogram_chunk(std::span<const std::byte> chunk, std::vector<Histogram>& histograms);

/// The NaN with which Prometheus marks the end of a series. Other NaNs are values.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002;
[[nodiscard]] bool is_stale(double value);

}  // namespace kexp::prom
