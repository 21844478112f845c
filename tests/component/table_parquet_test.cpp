#include <bit>
#include <cmath>
#include <csignal>
#include <limits>
#include <random>
#include <sys/resource.h>

#include <gmock/gmock.h>
#include <parquet/column_reader.h>
#include <parquet/file_reader.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/table/table.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

namespace fs = std::filesystem;
using table::Batch;
using table::ColumnType;
using table::NumberEncoding;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

const table::Schema kSamples = {{"series_id", ColumnType::int64},
                                {"ts_ms", ColumnType::timestamp_ms},
                                {"value", ColumnType::float64},
                                {"note", ColumnType::text}};

void add(Batch& batch, std::int64_t id, std::int64_t ts_ms, double value, const std::string& note) {
  batch.int64s(0).push_back(id);
  batch.int64s(1).push_back(ts_ms);
  batch.float64s(2).push_back(value);
  batch.texts(3).push_back(note);
}

table::WrittenFile write(const fs::path& file, const table::Schema& schema, const Batch& batch,
                         const table::ParquetOptions& options = {}) {
  const auto writer = make_parquet_writer(file, schema, options);
  writer->write(batch);
  return writer->finish();
}

std::unique_ptr<parquet::ParquetFileReader> open(const fs::path& file) {
  return parquet::ParquetFileReader::OpenFile(file.string());
}

/// A whole column; what an element of a text column points to dies with `file`.
template <typename Reader, typename Value>
std::vector<Value> column(parquet::ParquetFileReader& file, int index) {
  std::vector<Value> all;
  for (int group = 0; group < file.metadata()->num_row_groups(); ++group) {
    const auto reader = file.RowGroup(group)->Column(index);
    while (reader->HasNext()) {
      std::vector<Value> some(10'000);
      std::int64_t read = 0;
      static_cast<Reader&>(*reader).ReadBatch(10'000, nullptr, nullptr, some.data(), &read);
      all.insert(all.end(), some.begin(), some.begin() + read);
    }
  }
  return all;
}

std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> result;
  for (const double value : values) {
    result.push_back(std::bit_cast<std::uint64_t>(value));
  }
  return result;
}

std::vector<double> numbers_of(const fs::path& file) {
  return column<parquet::DoubleReader, double>(*open(file), 0);
}

std::vector<parquet::Encoding::type> encodings(const fs::path& file, int index) {
  return open(file)->metadata()->RowGroup(0)->ColumnChunk(index)->encodings();
}

std::vector<fs::path> files_in(const TempDir& dir) {
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    names.push_back(entry.path().filename());
  }
  return names;
}

TEST(TableParquetTest, ReadsBackEveryBit) {
  const TempDir dir;
  Batch batch(kSamples);
  add(batch, std::numeric_limits<std::int64_t>::min(), -1, std::bit_cast<double>(0x7ff0000000000002U), "");
  add(batch, std::numeric_limits<std::int64_t>::max(), 0, std::bit_cast<double>(0x7ff8000000000001U),
      "a,\"b\"\n");
  add(batch, 0, 1'795'280'000'123, -std::nan(""), "größer ≥ 🙂");
  add(batch, 1, 253'402'300'799'999, HUGE_VAL, std::string(100'000, 'x'));
  add(batch, 2, 5, -HUGE_VAL, "a,\"b\"\n");
  add(batch, 3, 5, -0.0, "");
  add(batch, 4, 5, 0.0, "");
  add(batch, 5, 5, 5e-324, "");

  write(dir / "t.parquet", kSamples, batch);

  const auto file = open(dir / "t.parquet");
  EXPECT_EQ((column<parquet::Int64Reader, std::int64_t>(*file, 0)), batch.int64s(0));
  EXPECT_EQ((column<parquet::Int64Reader, std::int64_t>(*file, 1)), batch.int64s(1));
  EXPECT_EQ(bits(column<parquet::DoubleReader, double>(*file, 2)), bits(batch.float64s(2)));
  const auto reader = file->RowGroup(0)->Column(3);
  std::vector<parquet::ByteArray> texts(8);
  std::int64_t read = 0;
  static_cast<parquet::ByteArrayReader&>(*reader).ReadBatch(8, nullptr, nullptr, texts.data(), &read);
  ASSERT_EQ(read, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(std::string_view(texts[i]), batch.texts(3)[i]);
  }
}

TEST(TableParquetTest, SaysWhatAColumnIs) {
  const TempDir dir;
  write(dir / "t.parquet", kSamples, Batch(kSamples));

  const auto file = open(dir / "t.parquet");
  const parquet::SchemaDescriptor& schema = *file->metadata()->schema();
  std::vector<std::string> names, types;
  for (int i = 0; i < schema.num_columns(); ++i) {
    names.push_back(schema.Column(i)->name());
    types.push_back(schema.Column(i)->logical_type()->ToString());
    EXPECT_EQ(schema.Column(i)->max_definition_level(), 0) << "a column without holes";
  }
  EXPECT_THAT(names, ElementsAre("series_id", "ts_ms", "value", "note"));
  EXPECT_THAT(types, ElementsAre("None", AllOf(HasSubstr("isAdjustedToUTC=true"), HasSubstr("milliseconds")),
                                 "None", "String"));
  EXPECT_EQ(file->metadata()->num_rows(), 0) << "an empty table is a file, too";
}

TEST(TableParquetTest, SaysWhatItWrote) {
  const TempDir dir;
  Batch batch(kSamples);
  for (int i = 0; i < 1000; ++i) {
    add(batch, i / 100, i, i * 0.25, "x");
  }
  const table::WrittenFile written = write(dir / "t.parquet", kSamples, batch);

  const std::string content = read_file(dir / "t.parquet");
  EXPECT_EQ(written.path, dir / "t.parquet");
  EXPECT_EQ(written.rows, 1000U);
  EXPECT_EQ(written.bytes, content.size());
  EXPECT_EQ(written.sha256, sha256_hex(content));
}

TEST(TableParquetTest, TheSameRowsAreTheSameBytesWhateverTheBatches) {
  const TempDir dir;
  std::mt19937_64 random(3);
  Batch all(kSamples);
  for (int i = 0; i < 5000; ++i) {
    add(all, i / 70, i * 5000, static_cast<double>(random() % 1000) / 8, std::string(random() % 50, 'y'));
  }
  const table::ParquetOptions small_groups{NumberEncoding::best, 700};
  write(dir / "whole.parquet", kSamples, all, small_groups);

  const auto writer = make_parquet_writer(dir / "parts.parquet", kSamples, small_groups);
  for (std::size_t row = 0; row < all.rows();) {
    Batch part(kSamples);
    for (std::size_t end = std::min<std::size_t>(all.rows(), row + 1 + random() % 1500); row < end; ++row) {
      add(part, all.int64s(0)[row], all.int64s(1)[row], all.float64s(2)[row], all.texts(3)[row]);
    }
    writer->write(part);
  }
  static_cast<void>(writer->finish());

  EXPECT_TRUE(read_file(dir / "whole.parquet") == read_file(dir / "parts.parquet"));
  const auto metadata = open(dir / "parts.parquet")->metadata();
  ASSERT_EQ(metadata->num_row_groups(), 8);
  EXPECT_EQ(metadata->RowGroup(0)->num_rows(), 700);
  EXPECT_EQ(metadata->RowGroup(7)->num_rows(), 100);
}

TEST(TableParquetTest, ARowGroupIsBoundedInBytesToo) {
  const TempDir dir;
  const table::Schema schema = {{"note", ColumnType::text}};
  const auto writer = make_parquet_writer(dir / "t.parquet", schema);
  for (int i = 0; i < 80; ++i) {
    Batch batch(schema);
    batch.texts(0).assign(1, std::string(1 << 20, static_cast<char>('a' + i % 26)));
    writer->write(batch);
  }
  static_cast<void>(writer->finish());

  const auto metadata = open(dir / "t.parquet")->metadata();
  ASSERT_EQ(metadata->num_row_groups(), 3);
  EXPECT_EQ(metadata->RowGroup(0)->num_rows(), 32);
}

/// One column of doubles.
class NumbersTest : public testing::Test {
 protected:
  Batch batch_of(std::size_t count, const std::function<double(std::size_t)>& value) const {
    Batch batch(schema_);
    for (std::size_t i = 0; i < count; ++i) {
      batch.float64s(0).push_back(value(i));
    }
    return batch;
  }

  std::uint64_t bytes(const Batch& batch, NumberEncoding encoding) {
    const fs::path file = dir_ / fmt::format("{}.parquet", static_cast<int>(encoding));
    const std::uint64_t written = write(file, schema_, batch, {encoding}).bytes;
    EXPECT_EQ(bits(numbers_of(file)), bits(std::get<std::vector<double>>(batch.columns()[0])));
    return written;
  }

  /// Which of the others is smallest; best is as small.
  NumberEncoding best_for(const Batch& batch) {
    std::map<std::uint64_t, NumberEncoding> by_size;
    for (const auto encoding :
         {NumberEncoding::dictionary, NumberEncoding::byte_stream_split, NumberEncoding::plain}) {
      by_size[bytes(batch, encoding)] = encoding;
    }
    EXPECT_EQ(bytes(batch, NumberEncoding::best), by_size.begin()->first);
    return by_size.begin()->second;
  }

  const table::Schema schema_ = {{"value", ColumnType::float64}};
  TempDir dir_;
  std::mt19937_64 random_{11};
};

TEST_F(NumbersTest, NoiseIsSplitIntoStreamsOfBytes) {
  std::normal_distribution<double> normal(50, 10);
  EXPECT_EQ(best_for(batch_of(60'000, [&](auto) { return normal(random_); })),
            NumberEncoding::byte_stream_split);
}

TEST_F(NumbersTest, ACounterIsSplitIntoStreamsOfBytes) {
  double count = 0;
  EXPECT_EQ(best_for(batch_of(60'000, [&](auto) { return count += static_cast<double>(random_() % 500); })),
            NumberEncoding::byte_stream_split);
}

TEST_F(NumbersTest, AFewValuesHaveADictionary) {
  EXPECT_EQ(best_for(batch_of(60'000, [&](auto) { return static_cast<double>(random_() % 100); })),
            NumberEncoding::dictionary);
}

TEST_F(NumbersTest, DecimalsStayAsTheyAre) {
  std::normal_distribution<double> step(0, 0.5);
  double level = 50;
  EXPECT_EQ(
      best_for(batch_of(60'000, [&](auto) { return std::round((level += step(random_)) * 1000) / 1000; })),
      NumberEncoding::plain);
}

TEST_F(NumbersTest, TheFirstRowGroupDecidesForTheFile) {
  const auto noise = [&] { return std::bit_cast<double>(random_() >> 2); };
  const std::vector<double> few = {noise(), noise(), noise(), noise(), noise()};
  const auto batch = batch_of(4000, [&](std::size_t i) { return i < 2000 ? few[random_() % 5] : noise(); });
  write(dir_ / "t.parquet", schema_, batch, {NumberEncoding::best, 2000});
  const auto metadata = open(dir_ / "t.parquet")->metadata();
  ASSERT_EQ(metadata->num_row_groups(), 2);
  EXPECT_TRUE(metadata->RowGroup(0)->ColumnChunk(0)->has_dictionary_page());
  EXPECT_TRUE(metadata->RowGroup(1)->ColumnChunk(0)->has_dictionary_page());
}

TEST(TableParquetTest, WholeNumbersAreDifferencesAndTextHasADictionary) {
  const TempDir dir;
  Batch batch(kSamples);
  for (int i = 0; i < 100'000; ++i) {
    add(batch, i / 1000, 1'795'280'000'000 + i % 1000 * 5000, 1, i % 2 == 0 ? "even" : "odd");
  }
  const auto written = write(dir / "t.parquet", kSamples, batch);

  EXPECT_THAT(encodings(dir / "t.parquet", 0), testing::Contains(parquet::Encoding::DELTA_BINARY_PACKED));
  EXPECT_THAT(encodings(dir / "t.parquet", 1), testing::Contains(parquet::Encoding::DELTA_BINARY_PACKED));
  EXPECT_THAT(encodings(dir / "t.parquet", 3), testing::Contains(parquet::Encoding::RLE_DICTIONARY));
  EXPECT_THAT(written.bytes, Le(20'000U));
}

TEST(TableParquetTest, AppearsWhenItIsFinished) {
  const TempDir dir;
  Batch batch(kSamples);
  add(batch, 1, 2, 3, "x");
  {
    const auto writer = make_parquet_writer(dir / "t.parquet", kSamples, {NumberEncoding::best, 1});
    writer->write(batch);
    EXPECT_FALSE(fs::exists(dir / "t.parquet"));
  }
  EXPECT_THAT(files_in(dir), IsEmpty()) << "what is not finished is removed";
  write(dir / "t.parquet", kSamples, batch);
  EXPECT_THAT(files_in(dir), ElementsAre("t.parquet"));
}

TEST(TableParquetTest, RefusesAFileThatExistsAndRowsThatDoNotFit) {
  const TempDir dir;
  dir.write("t.parquet", "precious");
  EXPECT_THAT(message_of<FailedError>([&] { return make_parquet_writer(dir / "t.parquet", kSamples); }),
              HasSubstr("t.parquet"));
  EXPECT_EQ(read_file(dir / "t.parquet"), "precious");
  const auto writer = make_parquet_writer(dir / "u.parquet", kSamples);
  EXPECT_THROW(writer->write(Batch({{"ts_ms", ColumnType::timestamp_ms}})), std::logic_error);
}

/// Files of this process may not grow beyond a size: writing fails as on a full disk.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;
  ~SmallFiles() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST(TableParquetTest, AFileThatCannotGrowIsOneErrorAndLeavesNothing) {
  const TempDir dir;
  std::mt19937_64 random(5);
  Batch batch(kSamples);
  for (int i = 0; i < 10'000; ++i) {
    add(batch, i, i, static_cast<double>(random()), "");
  }
  for (const std::size_t group_rows : {std::size_t{1000}, std::size_t{1} << 20}) {  // in write, in finish
    const SmallFiles limit(4096);
    EXPECT_THAT(message_of<FailedError>([&] {
                  return write(dir / "t.parquet", kSamples, batch, {NumberEncoding::best, group_rows});
                }),
                testing::MatchesRegex("cannot write /[^:]*/t\\.parquet: File too large"));
    EXPECT_THAT(files_in(dir), IsEmpty());
  }
}

}  // namespace
}  // namespace kexp::test
