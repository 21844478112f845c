#include "number_encoding.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <arrow/io/memory.h>
#include <parquet/column_writer.h>
#include <parquet/file_writer.h>
#include <parquet/schema.h>

namespace kexp::table {

namespace {

/// 1 makes some files a quarter larger; 9 saves up to a tenth more and takes five times as long.
constexpr int kZstdLevel = 3;
/// A megabyte of numbers: pages of 20,000 rows, as is usual, are up to a tenth larger.
constexpr std::int64_t kPageRows = 1 << 17;
/// With more different values than this share of all, a dictionary is larger than the values as they are: it
/// is not tried, because that is slow.
constexpr double kMostlyDifferent = 0.75;
/// Nor with more than twice what fits into one, since most of the rows would then go without.
constexpr double kManyDifferent = 2.0 * parquet::DEFAULT_DICTIONARY_PAGE_SIZE_LIMIT / sizeof(double);

/// About how many values differ, to one in a hundred: each value sets a bit that its hash chooses, and the
/// number of bits that stay unset tells how many there were (linear counting).
double count_different(std::span<const double> values) {
  const std::size_t bits = std::bit_ceil(4 * values.size() + 64);
  const int shift = 64 - std::countr_zero(bits);
  std::vector<std::uint64_t> seen(bits / 64);
  for (const double value : values) {
    auto hash = std::bit_cast<std::uint64_t>(value);
    hash = (hash ^ hash >> 32) * 0x9E3779B97F4A7C15U >> shift;
    seen[hash / 64] |= std::uint64_t{1} << (hash % 64);
  }
  std::size_t set = 0;
  for (const std::uint64_t word : seen) {
    set += static_cast<std::size_t>(std::popcount(word));
  }
  const auto all = static_cast<double>(bits);
  return -all * std::log1p(-static_cast<double>(set) / all);
}

std::int64_t encoded_bytes(std::span<const double> values, ArrowEncoding encoding) {
  using namespace parquet;
  static const char* const kName = "value";
  WriterProperties::Builder properties = common_properties();
  set_encoding(properties, kName, encoding);
  const auto sink = std::make_shared<::arrow::io::MockOutputStream>();
  const auto root = schema::GroupNode::Make(
      "table", Repetition::REQUIRED,
      {schema::PrimitiveNode::Make(kName, Repetition::REQUIRED, parquet::Type::DOUBLE)});
  const auto file =
      ParquetFileWriter::Open(sink, std::static_pointer_cast<schema::GroupNode>(root), properties.build());
  auto* column = static_cast<DoubleWriter*>(file->AppendRowGroup()->NextColumn());
  column->WriteBatch(std::ssize(values), nullptr, nullptr, values.data());
  file->Close();
  return sink->GetExtentBytesWritten();
}

}  // namespace

parquet::WriterProperties::Builder common_properties() {
  parquet::WriterProperties::Builder properties;
  properties.compression(parquet::Compression::ZSTD);
  properties.compression_level(kZstdLevel);
  properties.max_rows_per_page(kPageRows);
  return properties;
}

void set_encoding(parquet::WriterProperties::Builder& properties, const std::string& name,
                  ArrowEncoding encoding) {
  if (encoding == ArrowEncoding::dictionary) {
    properties.enable_dictionary(name);
    return;
  }
  properties.disable_dictionary(name);
  properties.encoding(name, encoding == ArrowEncoding::plain ? parquet::Encoding::PLAIN
                                                             : parquet::Encoding::BYTE_STREAM_SPLIT);
}

ArrowEncoding smallest_encoding(std::span<const double> values) {
  std::vector<ArrowEncoding> tried = {ArrowEncoding::byte_stream_split, ArrowEncoding::plain};
  const double different = count_different(values);
  if (different <= kMostlyDifferent * static_cast<double>(values.size()) && different <= kManyDifferent) {
    tried.push_back(ArrowEncoding::dictionary);
  }
  ArrowEncoding smallest = tried.front();
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const ArrowEncoding encoding : tried) {
    const std::int64_t bytes = encoded_bytes(values, encoding);
    if (bytes < least) {
      least = bytes;
      smallest = encoding;
    }
  }
  return smallest;
}

}  // namespace kexp::table
