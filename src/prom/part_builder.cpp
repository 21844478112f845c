#include "part_builder.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "chunk.hpp"
#include "histogram_message.hpp"

namespace kexp::prom {

namespace {

constexpr std::size_t kLargePart = std::size_t{1} << 17U;  // Samples.
constexpr std::size_t kLargeHistograms = 1024;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

enum class Encoding { numbers = 1, histograms = 2, float_histograms = 3 };

std::pair<std::string_view, std::string_view> read_label(std::span<const std::byte> message) {
  std::pair<std::string_view, std::string_view> label;
  for (WireReader in(message); in.next();) {
    if (in.field() == 1) {
      label.first = in.text();
    } else if (in.field() == 2) {
      label.second = in.text();
    }
  }
  return label;
}

/// The labels of a TimeSeries or a ChunkedSeries: field 1 of both.
std::vector<std::pair<std::string_view, std::string_view>> read_labels(std::span<const std::byte> message) {
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  for (WireReader in(message); in.next();) {
    if (in.field() == 1) {
      labels.push_back(read_label(in.bytes()));
    }
  }
  return labels;
}

}  // namespace

void PartBuilder::read_chunks(std::span<const std::byte> message) {
  try {
    for (WireReader in(message); in.next();) {
      if (in.field() == 1) {
        read_chunked_series(in.bytes());
      }
    }
  } catch (const BadAnswer& e) {
    throw ServerMustDecode(e.what());
  }
}

void PartBuilder::read_chunked_series(std::span<const std::byte> message) {
  begin_series(read_labels(message));
  if (skipped_) {
    return;
  }
  for (WireReader in(message); in.next();) {
    if (in.field() == 2) {
      read_chunk(in.bytes());
      flush_when_large();
    }
  }
}

void PartBuilder::read_chunk(std::span<const std::byte> message) {
  std::uint64_t encoding = 0;
  std::span<const std::byte> data;
  for (WireReader in(message); in.next();) {
    if (in.field() == 3) {
      encoding = in.number();
    } else if (in.field() == 4) {
      data = in.bytes();
    }
  }
  const std::size_t numbers = ts_ms_.size(), histograms = histograms_.size();
  switch (static_cast<Encoding>(encoding)) {
    case Encoding::numbers:
      decode_xor_chunk(data, ts_ms_, values_);
      keep_numbers(numbers);
      return;
    case Encoding::histograms:
      decode_histogram_chunk(data, histograms_);
      keep_histograms(histograms);
      return;
    case Encoding::float_histograms:
      decode_float_histogram_chunk(data, histograms_);
      keep_histograms(histograms);
      return;
  }
  throw ServerMustDecode(fmt::format("chunks have the encoding {}, which is not known here", encoding));
}

void PartBuilder::read_samples(std::span<const std::byte> message) {
  try {
    for (WireReader in(message); in.next();) {
      if (in.field() != 1) {
        continue;
      }
      for (WireReader result(in.bytes()); result.next();) {
        if (result.field() == 1) {
          read_time_series(result.bytes());
        }
      }
    }
  } catch (const ServerMustDecode& e) {
    throw BadAnswer(e.what());  // It did.
  }
}

void PartBuilder::read_time_series(std::span<const std::byte> message) {
  begin_series(read_labels(message));
  if (skipped_) {
    return;
  }
  const std::size_t numbers = ts_ms_.size(), histograms = histograms_.size();
  for (WireReader in(message); in.next();) {
    if (in.field() == 2) {
      std::int64_t ts_ms = 0;
      double value = 0;
      for (WireReader sample(in.bytes()); sample.next();) {
        if (sample.field() == 1) {
          value = sample.fixed64();
        } else if (sample.field() == 2) {
          ts_ms = sample.int64();
        }
      }
      ts_ms_.push_back(ts_ms);
      values_.push_back(value);
    } else if (in.field() == 4) {
      const Histogram* before = histograms_.empty() ? nullptr : &histograms_.back();
      histograms_.push_back(read_histogram(in.bytes(), before));
    }
  }
  keep_numbers(numbers);
  keep_histograms(histograms);
  flush_when_large();
}

void PartBuilder::begin_series(const LabelViews& labels) {
  next_key_.clear();
  for (const auto& [name, value] : labels) {
    for (const std::string_view text : {name, value}) {
      next_key_ += text;
      next_key_ += '\0';
    }
  }
  if (has_series_ && next_key_ == key_) {
    return;
  }
  flush();
  key_.swap(next_key_);
  has_series_ = true;
  continues_ = false;
  last_number_ms_ = last_histogram_ms_ = kNever;
  metric_.clear();
  labels_.clear();
  for (const auto& [name, value] : labels) {
    if (name == "__name__") {
      metric_ = value;
      continue;
    }
    const auto external = query_.external_labels.find(std::string(name));
    if (external == query_.external_labels.end() || external->second != value) {
      labels_.emplace(name, value);
    }
  }
  skipped_ = seen_ != nullptr && !seen_->belongs(key_, selector_);
}

bool PartBuilder::is_wanted(std::int64_t ts_ms, std::int64_t& last_ms) const {
  if (ts_ms < start_ms_ || ts_ms > end_ms_ || ts_ms == last_ms) {
    return false;
  }
  if (ts_ms < last_ms) {
    throw ServerMustDecode("samples of a series are not in the order of time");
  }
  last_ms = ts_ms;
  return true;
}

void PartBuilder::keep_numbers(std::size_t from) {
  std::size_t kept = from;
  for (std::size_t i = from; i < ts_ms_.size(); ++i) {
    const std::int64_t ts_ms = ts_ms_[i];
    if (!is_wanted(ts_ms, last_number_ms_)) {
      continue;
    }
    if (is_stale(values_[i])) {
      ended_ms_.push_back(ts_ms);
      continue;
    }
    ts_ms_[kept] = ts_ms;
    values_[kept] = values_[i];
    ++kept;
  }
  ts_ms_.resize(kept);
  values_.resize(kept);
}

void PartBuilder::keep_histograms(std::size_t from) {
  std::size_t kept = from;
  for (std::size_t i = from; i < histograms_.size(); ++i) {
    const std::int64_t ts_ms = histograms_[i].ts_ms;
    if (!is_wanted(ts_ms, last_histogram_ms_)) {
      continue;
    }
    if (is_stale(histograms_[i].sum)) {
      ended_ms_.push_back(ts_ms);
      continue;
    }
    if (kept != i) {
      histograms_[kept] = std::move(histograms_[i]);
    }
    ++kept;
  }
  histograms_.resize(kept);
}

void PartBuilder::flush_when_large() {
  if (ts_ms_.size() >= kLargePart || histograms_.size() >= kLargeHistograms) {
    flush();
  }
}

void PartBuilder::flush() {
  if (ts_ms_.empty() && ended_ms_.empty() && histograms_.empty()) {
    return;
  }
  std::sort(ended_ms_.begin(), ended_ms_.end());  // Of numbers and of histograms.
  sink_.receive({metric_, labels_, continues_, ts_ms_, values_, ended_ms_, histograms_});
  continues_ = true;
  result_.samples += ts_ms_.size();
  result_.ends += ended_ms_.size();
  result_.histograms += histograms_.size();
  ts_ms_.clear();
  values_.clear();
  ended_ms_.clear();
  histograms_.clear();
}

}  // namespace kexp::prom
