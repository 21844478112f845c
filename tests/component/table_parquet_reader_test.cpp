// What our Parquet writer writes, read back by our reader.

#include <bit>
#include <cmath>

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/table/reader.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using table::Batch;
using table::ColumnType;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const table::Schema kSamples = {{"series_id", ColumnType::int64},
                                {"ts_ms", ColumnType::timestamp_ms},
                                {"value", ColumnType::float64},
                                {"note", ColumnType::text}};

class ParquetReaderTest : public testing::Test {
 protected:
  /// Rows of which each value follows from the row's number.
  std::filesystem::path write(std::int64_t rows, std::size_t group_rows) const {
    const std::filesystem::path file = dir_ / "t.parquet";
    table::ParquetOptions options;
    options.group_rows = group_rows;
    const auto writer = make_parquet_writer(file, kSamples, options);
    Batch batch(kSamples);
    for (std::int64_t row = 0; row < rows; ++row) {
      batch.int64s(0).push_back(row / 1000);
      batch.int64s(1).push_back(1'795'280'000'000 + row);
      batch.float64s(2).push_back(value_of(row));
      batch.texts(3).push_back(note_of(row));
    }
    writer->write(batch);
    static_cast<void>(writer->finish());
    return file;
  }
  static double value_of(std::int64_t row) {
    return row % 7 == 0 ? std::bit_cast<double>(0x7ff8'0000'0000'0002U) : static_cast<double>(row) / 3;
  }
  static std::string note_of(std::int64_t row) {
    return std::string(static_cast<std::size_t>(row % 40), 'x');
  }

  const TempDir dir_;
};

TEST_F(ParquetReaderTest, ReadsBackEveryBitOfManyGroups) {
  constexpr std::int64_t kRows = 150'000;
  const auto reader = open_parquet(write(kRows, 40'000), kSamples);
  Batch batch(kSamples);
  std::int64_t row = 0;
  while (reader->read(batch)) {
    for (std::size_t i = 0; i < batch.rows(); ++i, ++row) {
      ASSERT_EQ(batch.int64s(0)[i], row / 1000);
      ASSERT_EQ(batch.int64s(1)[i], 1'795'280'000'000 + row);
      ASSERT_EQ(std::bit_cast<std::uint64_t>(batch.float64s(2)[i]),
                std::bit_cast<std::uint64_t>(value_of(row)));
      ASSERT_EQ(batch.texts(3)[i], note_of(row));
    }
  }
  EXPECT_EQ(row, kRows);
}

TEST_F(ParquetReaderTest, TakesColumnsByTheirNames) {
  const table::Schema some = {{"note", ColumnType::text}, {"series_id", ColumnType::int64}};
  const auto reader = open_parquet(write(3, 10), some);
  Batch batch(some);
  ASSERT_TRUE(reader->read(batch));
  EXPECT_THAT(batch.texts(0), ElementsAre("", "x", "xx"));
  EXPECT_THAT(batch.int64s(1), ElementsAre(0, 0, 0));
  EXPECT_FALSE(reader->read(batch));
}

TEST_F(ParquetReaderTest, ATableWithoutRowsHasNone) {
  const auto reader = open_parquet(write(0, 10), kSamples);
  Batch batch(kSamples);
  EXPECT_FALSE(reader->read(batch));
}

TEST_F(ParquetReaderTest, NamesTheFileAndWhatIsWrongWithIt) {
  const std::filesystem::path file = write(3, 10);
  const auto open = [&](const table::Schema& schema) {
    return message_of<FailedError>([&] { return open_parquet(file, schema); });
  };
  EXPECT_THAT(open({{"nobody", ColumnType::int64}}), AllOf(HasSubstr("t.parquet"), HasSubstr("nobody")));
  EXPECT_THAT(open({{"value", ColumnType::int64}}), AllOf(HasSubstr("value"), HasSubstr("another type")));
  dir_.write("broken.parquet", "no Parquet at all");
  EXPECT_THAT(message_of<FailedError>([&] { return open_parquet(dir_ / "broken.parquet", kSamples); }),
              HasSubstr("broken.parquet"));
  EXPECT_THAT(message_of<FailedError>([&] { return open_parquet(dir_ / "none.parquet", kSamples); }),
              HasSubstr("none.parquet"));
}

}  // namespace
}  // namespace kexp::test
