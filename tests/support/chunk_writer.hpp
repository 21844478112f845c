#pragma once

/// What Prometheus sends, made by hand: chunks, messages, frames. Written from the format's description, so
/// that it can contradict the reader.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kexp/net/http_client.hpp"
#include "kexp/prom/client.hpp"

namespace kexp::prom {

/// Writes numbers of any count of bits, the highest bit first.
class BitWriter {
 public:
  void bits(std::uint64_t value, unsigned count);
  void varint(std::uint64_t value);
  void zigzag(std::int64_t value);
  /// A number with a code of its own length, as histograms have them.
  void histogram_int(std::int64_t value);
  void histogram_uint(std::uint64_t value);
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  unsigned used_ = 8;  ///< Bits of the last byte.
};

/// Chunks of at most 65,535 samples.
[[nodiscard]] std::string xor_chunk(const std::vector<Sample>& samples);
/// `flags`: 0x80 after a reset, 0xc0 a gauge. All must have one layout.
[[nodiscard]] std::string histogram_chunk(const std::vector<Histogram>& histograms, unsigned flags = 0);
[[nodiscard]] std::string float_histogram_chunk(const std::vector<Histogram>& histograms, unsigned flags = 0);

using LabelList = std::vector<std::pair<std::string, std::string>>;

/// One part of a ChunkedReadResponse's series; `chunks` are encoding and bytes.
[[nodiscard]] std::string chunked_response(const LabelList& labels,
                                           const std::vector<std::pair<std::uint64_t, std::string>>& chunks);
[[nodiscard]] std::string time_series(const LabelList& labels, const std::vector<Sample>& samples,
                                      const std::vector<Histogram>& histograms = {});
/// A ReadResponse; the same packed by snappy.
[[nodiscard]] std::string read_response(const std::vector<std::string>& time_series);
[[nodiscard]] std::string samples_response(const std::vector<std::string>& time_series);
/// A WriteRequest, packed likewise.
[[nodiscard]] std::string write_request(const std::vector<std::string>& time_series);
/// Packed by snappy.
[[nodiscard]] std::string packed_message(const std::string& message);
/// With its length and its checksum before it.
[[nodiscard]] std::string framed(const std::string& message);

/// The answers to a remote read: frames of chunks, and packed samples.
[[nodiscard]] net::HttpResponse streamed(std::string frames);
[[nodiscard]] net::HttpResponse packed(std::string samples);

[[nodiscard]] inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace kexp::prom
