#include "histogram_message.hpp"

#include <numeric>

#include "chunk.hpp"
#include "wire.hpp"

namespace kexp::prom {

namespace {

BucketSpan read_span(std::span<const std::byte> message) {
  BucketSpan span;
  for (WireReader in(message); in.next();) {
    if (in.field() == 1) {
      span.offset = static_cast<std::int32_t>(in.zigzag());
    } else if (in.field() == 2) {
      span.length = static_cast<std::uint32_t>(in.number());
    }
  }
  return span;
}

/// Integer counts come as differences to the bucket before, all in one field or in one each. `count` is that
/// of the last bucket. Unsigned, because damaged messages may overflow.
void read_deltas(const WireReader& in, std::uint64_t& count, std::vector<double>& buckets) {
  in.each_zigzag([&](std::int64_t delta) {
    count += static_cast<std::uint64_t>(delta);
    buckets.push_back(static_cast<double>(static_cast<std::int64_t>(count)));
  });
}

void read_counts(const WireReader& in, std::vector<double>& numbers) {
  in.each_fixed64([&](double number) { numbers.push_back(number); });
}

Histogram::Reset to_reset(std::uint64_t hint) {
  switch (hint) {
    case 1:
      return Histogram::Reset::yes;
    case 2:
      return Histogram::Reset::no;
    case 3:
      return Histogram::Reset::gauge;
    default:
      return Histogram::Reset::unknown;
  }
}

/// A message on its way.
struct Draft {
  Histogram histogram;
  HistogramLayout layout;
  std::uint64_t positive_count = 0, negative_count = 0;
};

void read_field(const WireReader& in, Draft& draft) {
  Histogram& histogram = draft.histogram;
  HistogramLayout& layout = draft.layout;
  switch (in.field()) {
    case 1:
      histogram.count = static_cast<double>(in.number());
      break;
    case 2:
      histogram.count = in.fixed64();
      histogram.counts = Histogram::Counts::floating;
      break;
    case 3:
      histogram.sum = in.fixed64();
      break;
    case 4:
      layout.schema = static_cast<std::int32_t>(in.zigzag());
      break;
    case 5:
      layout.zero_threshold = in.fixed64();
      break;
    case 6:
      histogram.zero_count = static_cast<double>(in.number());
      break;
    case 7:
      histogram.zero_count = in.fixed64();
      break;
    case 8:
      layout.negative.push_back(read_span(in.bytes()));
      break;
    case 9:
      read_deltas(in, draft.negative_count, histogram.negative);
      break;
    case 10:
      read_counts(in, histogram.negative);
      break;
    case 11:
      layout.positive.push_back(read_span(in.bytes()));
      break;
    case 12:
      read_deltas(in, draft.positive_count, histogram.positive);
      break;
    case 13:
      read_counts(in, histogram.positive);
      break;
    case 14:
      histogram.reset = to_reset(in.number());
      break;
    case 15:
      histogram.ts_ms = in.int64();
      break;
    case 16:
      read_counts(in, layout.custom_bounds);
      break;
    default:
      break;
  }
}

bool fits(const std::vector<BucketSpan>& spans, const std::vector<double>& buckets) {
  return std::accumulate(spans.begin(), spans.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const BucketSpan& span) { return sum + span.length; }) ==
         buckets.size();
}

}  // namespace

Histogram read_histogram(std::span<const std::byte> message, const Histogram* before) {
  Draft draft;
  for (WireReader in(message); in.next();) {
    read_field(in, draft);
  }
  Histogram& histogram = draft.histogram;
  HistogramLayout& layout = draft.layout;
  if (!is_stale(histogram.sum) &&
      !(fits(layout.positive, histogram.positive) && fits(layout.negative, histogram.negative))) {
    throw BadAnswer("a histogram has another number of buckets than it says");
  }
  const bool same = before != nullptr && *before->layout == layout;
  histogram.layout = same ? before->layout : std::make_shared<const HistogramLayout>(std::move(layout));
  return std::move(histogram);
}

}  // namespace kexp::prom
