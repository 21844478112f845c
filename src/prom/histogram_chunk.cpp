#include <array>
#include <cmath>

#include "bit_reader.hpp"
#include "chunk.hpp"
#include "xor_value.hpp"

namespace kexp::prom {

namespace {

constexpr std::size_t kHeadBytes = 3;
constexpr std::int32_t kCustomBoundsSchema = -53;
// Far above what a client library makes (160): a damaged chunk shall not claim the memory.
constexpr std::size_t kMostBuckets = 100'000;

/// Counts that have a code of their own length, by the number of 1 bits before it.
constexpr std::array<unsigned, 9> kCodeBits = {0, 3, 6, 9, 12, 18, 25, 56, 64};

std::int64_t read_int(BitReader& in) {
  const unsigned count = kCodeBits[in.ones(8)];
  return count == 0 ? 0 : in.signed_bits(count);
}

std::uint64_t read_uint(BitReader& in) { return in.bits(kCodeBits[in.ones(8)]); }

double read_double(BitReader& in) { return std::bit_cast<double>(in.bits(64)); }

double read_zero_threshold(BitReader& in) {
  const auto code = static_cast<int>(in.bits(8));
  if (code == 0) {
    return 0;
  }
  return code == 255 ? read_double(in) : std::ldexp(0.5, code - 243);
}

std::size_t bucket_count(const std::vector<BucketSpan>& spans) {
  std::size_t count = 0;
  for (const BucketSpan& span : spans) {
    count += span.length;
    if (count > kMostBuckets) {
      throw BadAnswer("a histogram has too many buckets");
    }
  }
  return count;
}

std::vector<BucketSpan> read_spans(BitReader& in) {
  std::vector<BucketSpan> spans;
  for (std::uint64_t left = read_uint(in); left > 0; --left) {
    const auto length = static_cast<std::uint32_t>(read_uint(in));
    spans.push_back({static_cast<std::int32_t>(read_int(in)), length});
  }
  return spans;
}

std::vector<double> read_custom_bounds(BitReader& in) {
  std::vector<double> bounds;
  for (std::uint64_t left = read_uint(in); left > 0; --left) {
    const std::uint64_t code = read_uint(in);
    bounds.push_back(code == 0 ? read_double(in) : static_cast<double>(code - 1) / 1000);
  }
  return bounds;
}

HistogramLayout read_layout(BitReader& in) {
  HistogramLayout layout;
  layout.zero_threshold = read_zero_threshold(in);
  layout.schema = static_cast<std::int32_t>(read_int(in));
  layout.positive = read_spans(in);
  layout.negative = read_spans(in);
  if (layout.schema == kCustomBoundsSchema) {
    layout.custom_bounds = read_custom_bounds(in);
  }
  return layout;
}

/// A count stored as the change of its change. Unsigned, because damaged chunks may overflow.
class Delta2 {
 public:
  explicit Delta2(std::uint64_t first = 0) : value_(first) {}
  void read_next(BitReader& in) {
    change_ += static_cast<std::uint64_t>(read_int(in));
    value_ += change_;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_;
  std::uint64_t change_ = 0;
};

/// Integer counts: of the buckets, each one's difference to the bucket before is stored.
class IntegerCounts {
 public:
  static constexpr auto kKind = Histogram::Counts::integer;

  void read_first(BitReader& in, std::size_t positive, std::size_t negative) {
    count_ = Delta2(read_uint(in));
    zero_count_ = Delta2(read_uint(in));
    sum_.read_first(in);
    for (auto* buckets : {&positive_, &negative_}) {
      const std::size_t size = buckets == &positive_ ? positive : negative;
      for (std::size_t i = 0; i < size; ++i) {
        buckets->emplace_back(static_cast<std::uint64_t>(read_int(in)));
      }
    }
  }
  void read_next(BitReader& in) {
    count_.read_next(in);
    zero_count_.read_next(in);
    sum_.read_next(in);
    if (is_stale(sum_.value())) {
      return;
    }
    for (auto* buckets : {&positive_, &negative_}) {
      for (Delta2& bucket : *buckets) {
        bucket.read_next(in);
      }
    }
  }
  void write(Histogram& to) const {
    to.count = static_cast<double>(count_.value());
    to.zero_count = static_cast<double>(zero_count_.value());
    to.positive = summed(positive_);
    to.negative = summed(negative_);
  }
  [[nodiscard]] double sum() const { return sum_.value(); }

 private:
  static std::vector<double> summed(const std::vector<Delta2>& buckets) {
    std::vector<double> counts;
    std::uint64_t count = 0;
    for (const Delta2& bucket : buckets) {
      count += bucket.value();
      counts.push_back(static_cast<double>(static_cast<std::int64_t>(count)));
    }
    return counts;
  }

  Delta2 count_, zero_count_;
  XorValue sum_;
  std::vector<Delta2> positive_, negative_;
};

/// Counts with fractions: each is a number of its own.
class FloatCounts {
 public:
  static constexpr auto kKind = Histogram::Counts::floating;

  void read_first(BitReader& in, std::size_t positive, std::size_t negative) {
    for (XorValue* value : {&count_, &zero_count_, &sum_}) {
      value->read_first(in);
    }
    for (auto* buckets : {&positive_, &negative_}) {
      const std::size_t size = buckets == &positive_ ? positive : negative;
      for (std::size_t i = 0; i < size; ++i) {
        buckets->emplace_back().read_first(in);
      }
    }
  }
  void read_next(BitReader& in) {
    for (XorValue* value : {&count_, &zero_count_, &sum_}) {
      value->read_next(in);
    }
    if (is_stale(sum_.value())) {
      return;
    }
    for (auto* buckets : {&positive_, &negative_}) {
      for (XorValue& bucket : *buckets) {
        bucket.read_next(in);
      }
    }
  }
  void write(Histogram& to) const {
    to.count = count_.value();
    to.zero_count = zero_count_.value();
    to.positive = numbers(positive_);
    to.negative = numbers(negative_);
  }
  [[nodiscard]] double sum() const { return sum_.value(); }

 private:
  static std::vector<double> numbers(const std::vector<XorValue>& buckets) {
    std::vector<double> counts;
    for (const XorValue& bucket : buckets) {
      counts.push_back(bucket.value());
    }
    return counts;
  }

  XorValue count_, zero_count_, sum_;
  std::vector<XorValue> positive_, negative_;
};

/// A chunk of counters begins anew at a reset, so only its first sample can be one.
Histogram::Reset reset_of(std::byte flags, std::size_t index) {
  const auto header = std::to_integer<unsigned>(flags) >> 6U;
  constexpr unsigned kReset = 2, kGauge = 3;
  if (header == kGauge) {
    return Histogram::Reset::gauge;
  }
  if (index > 0) {
    return Histogram::Reset::no;
  }
  return header == kReset ? Histogram::Reset::yes : Histogram::Reset::unknown;
}

template <typename Counts>
void decode(std::span<const std::byte> chunk, std::vector<Histogram>& histograms) {
  const std::size_t count = sample_count(chunk, kHeadBytes);
  if (count == 0) {
    return;
  }
  BitReader in(chunk.subspan(kHeadBytes));
  const auto layout = std::make_shared<const HistogramLayout>(read_layout(in));
  Delta2 time;
  Counts counts;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 0) {
      time = Delta2(static_cast<std::uint64_t>(read_int(in)));
      counts.read_first(in, bucket_count(layout->positive), bucket_count(layout->negative));
    } else {
      time.read_next(in);
      counts.read_next(in);
    }
    Histogram& histogram = histograms.emplace_back();
    histogram.ts_ms = static_cast<std::int64_t>(time.value());
    histogram.counts = Counts::kKind;
    histogram.reset = reset_of(chunk[2], i);
    histogram.sum = counts.sum();
    histogram.layout = layout;
    if (!is_stale(histogram.sum)) {
      counts.write(histogram);
    }
  }
}

}  // namespace

void decode_histogram_chunk(std::span<const std::byte> chunk, std::vector<Histogram>& histograms) {
  decode<IntegerCounts>(chunk, histograms);
}

void decode_float_histogram_chunk(std::span<const std::byte> chunk, std::vector<Histogram>& histograms) {
  decode<FloatCounts>(chunk, histograms);
}

}  // namespace kexp::prom
