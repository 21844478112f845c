// A chunk of samples, of any of the three encodings.
//
// An input is one byte for the encoding, and the chunk.

#include "kexp/prom/remote_read.hpp"

#include "bad_answer.hpp"
#include "chunk.hpp"
#include "target.hpp"

namespace {

namespace prom = kexp::prom;
using kexp::fuzz::require;

std::size_t buckets_of(const std::vector<prom::BucketSpan>& spans) {
  std::size_t count = 0;
  for (const prom::BucketSpan& span : spans) {
    count += span.length;
  }
  return count;
}

void decode(unsigned encoding, std::span<const std::byte> chunk) {
  std::vector<std::int64_t> ts_ms;
  std::vector<double> values;
  std::vector<prom::Histogram> histograms;
  if (encoding % 3 == 0) {
    prom::decode_xor_chunk(chunk, ts_ms, values);
  } else if (encoding % 3 == 1) {
    prom::decode_histogram_chunk(chunk, histograms);
  } else {
    prom::decode_float_histogram_chunk(chunk, histograms);
  }
  const std::size_t wanted =
      std::to_integer<std::size_t>(chunk[0]) << 8U | std::to_integer<std::size_t>(chunk[1]);
  require(ts_ms.size() == values.size(), "every value has its time");
  require(ts_ms.size() + histograms.size() == wanted, "a chunk has as many samples as it says");
  for (const prom::Histogram& histogram : histograms) {
    require(prom::is_stale(histogram.sum) ||
                (histogram.positive.size() == buckets_of(histogram.layout->positive) &&
                 histogram.negative.size() == buckets_of(histogram.layout->negative)),
            "a histogram has the buckets of its spans");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  try {
    decode(data[0], std::as_bytes(std::span(data + 1, size - 1)));
  } catch (const prom::BadAnswer&) {  // The only way out.
  }
  return 0;
}
