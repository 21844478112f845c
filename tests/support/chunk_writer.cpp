#include "support/chunk_writer.hpp"

#include <bit>
#include <cmath>
#include <snappy.h>

#include "chunk.hpp"
#include "crc32c.hpp"
#include "wire.hpp"

namespace kexp::prom {

namespace {

bool fits(std::int64_t value, unsigned bits) {
  const std::int64_t half = std::int64_t{1} << (bits - 1);
  return value > -half && value <= half;
}
bool fits(std::uint64_t value, unsigned bits) { return value < std::uint64_t{1} << bits; }

/// A number of a histogram behind the code of the least size that it fits.
template <typename Number>
void write_sized(BitWriter& out, Number value) {
  if (value == 0) {
    out.bits(0, 1);
    return;
  }
  unsigned ones = 1;
  for (const unsigned size : {3U, 6U, 9U, 12U, 18U, 25U, 56U}) {
    if (fits(value, size)) {
      out.bits(((1U << ones) - 1) << 1U, ones + 1);
      out.bits(static_cast<std::uint64_t>(value), size);
      return;
    }
    ++ones;
  }
  out.bits(0xff, 8);
  out.bits(static_cast<std::uint64_t>(value), 64);
}

/// A value as its difference to the one before.
class XorWriter {
 public:
  void first(BitWriter& out, double value) {
    last_ = std::bit_cast<std::uint64_t>(value);
    out.bits(last_, 64);
  }
  void next(BitWriter& out, double value) {
    const std::uint64_t difference = last_ ^ std::bit_cast<std::uint64_t>(value);
    last_ ^= difference;
    if (difference == 0) {
      out.bits(0, 1);
      return;
    }
    const auto leading = std::min(31U, static_cast<unsigned>(std::countl_zero(difference)));
    const auto trailing = static_cast<unsigned>(std::countr_zero(difference));
    if (has_shape_ && leading >= leading_ && trailing >= trailing_) {
      out.bits(0b10, 2);
    } else {
      has_shape_ = true;
      leading_ = leading;
      trailing_ = trailing;
      out.bits(0b11, 2);
      out.bits(leading, 5);
      out.bits(64 - leading - trailing, 6);  // 64 is written as 0.
    }
    out.bits(difference >> trailing_, 64 - leading_ - trailing_);
  }

 private:
  std::uint64_t last_ = 0;
  bool has_shape_ = false;
  unsigned leading_ = 0, trailing_ = 0;
};

/// A count as the change of its change.
class Delta2Writer {
 public:
  explicit Delta2Writer(std::int64_t first) : last_(first) {}
  std::int64_t next(std::int64_t value) {
    const std::int64_t change = value - last_;
    last_ = value;
    return change - std::exchange(change_, change);
  }

 private:
  std::int64_t last_, change_ = 0;
};

void write_time_change(BitWriter& out, std::int64_t change) {
  if (change == 0) {
    out.bits(0, 1);
  } else if (fits(change, 14)) {
    out.bits(0b10, 2);
    out.bits(static_cast<std::uint64_t>(change), 14);
  } else if (fits(change, 17)) {
    out.bits(0b110, 3);
    out.bits(static_cast<std::uint64_t>(change), 17);
  } else if (fits(change, 20)) {
    out.bits(0b1110, 4);
    out.bits(static_cast<std::uint64_t>(change), 20);
  } else {
    out.bits(0b1111, 4);
    out.bits(static_cast<std::uint64_t>(change), 64);
  }
}

std::string counted(std::size_t count, const std::string& rest) {
  return std::string{static_cast<char>(count >> 8U), static_cast<char>(count & 0xffU)} + rest;
}

void write_layout(BitWriter& out, const HistogramLayout& layout) {
  int exponent = 0;
  if (layout.zero_threshold == 0) {
    out.bits(0, 8);
  } else if (std::frexp(layout.zero_threshold, &exponent) == 0.5 && exponent >= -242 && exponent <= 11) {
    out.bits(static_cast<std::uint64_t>(exponent + 243), 8);
  } else {
    out.bits(255, 8);
    out.bits(std::bit_cast<std::uint64_t>(layout.zero_threshold), 64);
  }
  out.histogram_int(layout.schema);
  for (const auto* spans : {&layout.positive, &layout.negative}) {
    out.histogram_uint(spans->size());
    for (const BucketSpan& span : *spans) {
      out.histogram_uint(span.length);
      out.histogram_int(span.offset);
    }
  }
  if (layout.schema == -53) {
    out.histogram_uint(layout.custom_bounds.size());
    for (const double bound : layout.custom_bounds) {
      const double thousandths = bound * 1000;
      if (thousandths >= 0 && thousandths <= 33'554'430 && std::round(thousandths) / 1000 == bound) {
        out.histogram_uint(static_cast<std::uint64_t>(std::llround(thousandths)) + 1);
      } else {
        out.bits(0, 1);
        out.bits(std::bit_cast<std::uint64_t>(bound), 64);
      }
    }
  }
}

/// Counts as differences to the bucket before.
std::vector<std::int64_t> deltas(const std::vector<double>& counts) {
  std::vector<std::int64_t> result;
  double before = 0;
  for (const double count : counts) {
    result.push_back(static_cast<std::int64_t>(count - before));
    before = count;
  }
  return result;
}

std::string label_message(const std::string& name, const std::string& value) {
  WireWriter out;
  out.bytes(1, name);
  out.bytes(2, value);
  return out.message();
}

void write_spans(WireWriter& out, std::uint32_t field, const std::vector<BucketSpan>& spans) {
  for (const BucketSpan& span : spans) {
    WireWriter message;
    message.zigzag(1, span.offset);
    message.number(2, span.length);
    out.bytes(field, message.message());
  }
}

std::string histogram_message(const Histogram& histogram) {
  WireWriter out;
  const bool integer = histogram.counts == Histogram::Counts::integer;
  const auto write_count = [&](std::uint32_t field, double count) {
    if (integer) {
      out.number(field, static_cast<std::uint64_t>(count));
    } else {
      out.fixed64(field + 1, count);
    }
  };
  const auto write_buckets = [&](std::uint32_t field, const std::vector<double>& counts) {
    for (const std::int64_t delta : integer ? deltas(counts) : std::vector<std::int64_t>()) {
      out.zigzag(field, delta);
    }
    for (const double count : integer ? std::vector<double>() : counts) {
      out.fixed64(field + 1, count);
    }
  };
  write_count(1, histogram.count);
  out.fixed64(3, histogram.sum);
  out.zigzag(4, histogram.layout->schema);
  out.fixed64(5, histogram.layout->zero_threshold);
  write_count(6, histogram.zero_count);
  write_spans(out, 8, histogram.layout->negative);
  write_buckets(9, histogram.negative);
  write_spans(out, 11, histogram.layout->positive);
  write_buckets(12, histogram.positive);
  out.number(14, static_cast<std::uint64_t>(histogram.reset));
  out.int64(15, histogram.ts_ms);
  for (const double bound : histogram.layout->custom_bounds) {
    out.fixed64(16, bound);
  }
  return out.message();
}

}  // namespace

void BitWriter::bits(std::uint64_t value, unsigned count) {
  while (count > 0) {
    if (used_ == 8) {
      bytes_ += '\0';
      used_ = 0;
    }
    --count;
    const auto bit = static_cast<unsigned>(value >> count & 1U);
    bytes_.back() = static_cast<char>(static_cast<unsigned char>(bytes_.back()) | bit << (7 - used_));
    ++used_;
  }
}

void BitWriter::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) {
    bits((value & 0x7fU) | 0x80U, 8);
  }
  bits(value, 8);
}

void BitWriter::zigzag(std::int64_t value) {
  varint((static_cast<std::uint64_t>(value) << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void BitWriter::histogram_int(std::int64_t value) { write_sized(*this, value); }

void BitWriter::histogram_uint(std::uint64_t value) { write_sized(*this, value); }

std::string xor_chunk(const std::vector<Sample>& samples) {
  BitWriter out;
  XorWriter value;
  std::int64_t distance = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto [ts_ms, number] = samples[i];
    if (i == 0) {
      out.zigzag(ts_ms);
      value.first(out, number);
      continue;
    }
    const std::int64_t last = std::exchange(distance, ts_ms - samples[i - 1].ts_ms);
    if (i == 1) {
      out.varint(static_cast<std::uint64_t>(distance));
    } else {
      write_time_change(out, distance - last);
    }
    value.next(out, number);
  }
  return counted(samples.size(), out.bytes());
}

std::string histogram_chunk(const std::vector<Histogram>& histograms, unsigned flags) {
  BitWriter out;
  const Histogram& first = histograms.front();
  write_layout(out, *first.layout);
  Delta2Writer time(first.ts_ms);
  Delta2Writer count(static_cast<std::int64_t>(first.count));
  Delta2Writer zero_count(static_cast<std::int64_t>(first.zero_count));
  XorWriter sum;
  std::vector<Delta2Writer> buckets;
  for (std::size_t i = 0; i < histograms.size(); ++i) {
    const Histogram& histogram = histograms[i];
    std::vector<std::int64_t> counts = deltas(histogram.positive);
    const std::vector<std::int64_t> negative = deltas(histogram.negative);
    counts.insert(counts.end(), negative.begin(), negative.end());
    if (i == 0) {
      out.histogram_int(first.ts_ms);
      out.histogram_uint(static_cast<std::uint64_t>(first.count));
      out.histogram_uint(static_cast<std::uint64_t>(first.zero_count));
      sum.first(out, first.sum);
      for (const std::int64_t bucket : counts) {
        out.histogram_int(bucket);
        buckets.emplace_back(bucket);
      }
      continue;
    }
    out.histogram_int(time.next(histogram.ts_ms));
    out.histogram_int(count.next(static_cast<std::int64_t>(histogram.count)));
    out.histogram_int(zero_count.next(static_cast<std::int64_t>(histogram.zero_count)));
    sum.next(out, histogram.sum);
    for (std::size_t b = 0; b < counts.size() && !is_stale(histogram.sum); ++b) {
      out.histogram_int(buckets[b].next(counts[b]));
    }
  }
  return counted(histograms.size(), static_cast<char>(flags) + out.bytes());
}

std::string float_histogram_chunk(const std::vector<Histogram>& histograms, unsigned flags) {
  BitWriter out;
  const Histogram& first = histograms.front();
  write_layout(out, *first.layout);
  Delta2Writer time(first.ts_ms);
  std::vector<XorWriter> writers(3 + first.positive.size() + first.negative.size());
  for (std::size_t i = 0; i < histograms.size(); ++i) {
    const Histogram& histogram = histograms[i];
    std::vector<double> numbers = {histogram.count, histogram.zero_count, histogram.sum};
    if (!is_stale(histogram.sum)) {
      numbers.insert(numbers.end(), histogram.positive.begin(), histogram.positive.end());
      numbers.insert(numbers.end(), histogram.negative.begin(), histogram.negative.end());
    }
    out.histogram_int(i == 0 ? first.ts_ms : time.next(histogram.ts_ms));
    for (std::size_t n = 0; n < numbers.size(); ++n) {
      if (i == 0) {
        writers[n].first(out, numbers[n]);
      } else {
        writers[n].next(out, numbers[n]);
      }
    }
  }
  return counted(histograms.size(), static_cast<char>(flags) + out.bytes());
}

std::string chunked_response(const LabelList& labels,
                             const std::vector<std::pair<std::uint64_t, std::string>>& chunks) {
  WireWriter series;
  for (const auto& [name, value] : labels) {
    series.bytes(1, label_message(name, value));
  }
  for (const auto& [encoding, bytes] : chunks) {
    WireWriter chunk;
    chunk.int64(1, -5);
    chunk.int64(2, 1'795'284'000'000);
    chunk.number(3, encoding);
    chunk.bytes(4, bytes);
    series.bytes(2, chunk.message());
  }
  WireWriter response;
  response.bytes(1, series.message());
  response.int64(2, 0);
  return response.message();
}

std::string time_series(const LabelList& labels, const std::vector<Sample>& samples,
                        const std::vector<Histogram>& histograms) {
  WireWriter series;
  for (const auto& [name, value] : labels) {
    series.bytes(1, label_message(name, value));
  }
  for (const Sample& sample : samples) {
    WireWriter message;
    message.fixed64(1, sample.value);
    message.int64(2, sample.ts_ms);
    series.bytes(2, message.message());
  }
  for (const Histogram& histogram : histograms) {
    series.bytes(4, histogram_message(histogram));
  }
  return series.message();
}

std::string read_response(const std::vector<std::string>& all) {
  WireWriter result;
  for (const std::string& series : all) {
    result.bytes(1, series);
  }
  WireWriter response;
  response.bytes(1, result.message());
  return response.message();
}

std::string samples_response(const std::vector<std::string>& all) {
  return packed_message(read_response(all));
}

std::string write_request(const std::vector<std::string>& all) {
  WireWriter request;
  for (const std::string& series : all) {
    request.bytes(1, series);
  }
  return packed_message(request.message());
}

std::string packed_message(const std::string& message) {
  std::string packed;
  snappy::Compress(message.data(), message.size(), &packed);
  return packed;
}

std::string framed(const std::string& message) {
  BitWriter head;
  head.varint(message.size());
  head.bits(crc32c(bytes_of(message)), 32);
  return head.bytes() + message;
}

net::HttpResponse streamed(std::string frames) {
  return {200,
          {{"content-type", "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"}},
          std::move(frames)};
}

net::HttpResponse packed(std::string samples) {
  return {
      200, {{"content-type", "application/x-protobuf"}, {"content-encoding", "snappy"}}, std::move(samples)};
}

}  // namespace kexp::prom
