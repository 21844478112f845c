#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/table/reader.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::table {
namespace {

using namespace ::testing;
using test::message_of;
using test::TempDir;

const Schema kSamples = {
    {"ts_ms", ColumnType::timestamp_ms}, {"value", ColumnType::float64}, {"note, if any", ColumnType::text}};

class CsvTableTest : public testing::Test {
 protected:
  const TempDir dir_;
};

TEST_F(CsvTableTest, ReadsBackWhatTheWriterWrote) {
  const std::vector<double> values = {0.1, -0.0, 5e-324, 1.7976931348623157e308, HUGE_VAL, -HUGE_VAL};
  const auto writer = make_csv_writer(dir_ / "t.csv", kSamples);
  Batch batch(kSamples);
  constexpr std::int64_t kRows = 40'000;
  for (std::int64_t row = 0; row < kRows; ++row) {
    batch.int64s(0).push_back(row - 5);
    batch.float64s(1).push_back(values[static_cast<std::size_t>(row) % values.size()]);
    batch.texts(2).push_back(row % 2 == 0 ? "a \"b\", c\nd" : "");
  }
  writer->write(batch);
  static_cast<void>(writer->finish());

  const auto reader = open_csv(dir_ / "t.csv", kSamples);
  Batch part(kSamples);
  std::int64_t row = 0;
  while (reader->read(part)) {
    for (std::size_t i = 0; i < part.rows(); ++i, ++row) {
      ASSERT_EQ(part.int64s(0)[i], row - 5);
      ASSERT_EQ(part.float64s(1)[i], values[static_cast<std::size_t>(row) % values.size()]);
      ASSERT_EQ(part.texts(2)[i], row % 2 == 0 ? "a \"b\", c\nd" : "");
    }
  }
  EXPECT_EQ(row, kRows);
  EXPECT_EQ(part.rows(), 0U);
}

TEST_F(CsvTableTest, TakesColumnsByTheirNamesAndPassesOthersOver) {
  dir_.write("t.csv", "other,value,\"note, if any\",ts_ms\nx,NaN,n,3\n");
  const auto reader = open_csv(dir_ / "t.csv", kSamples);
  Batch batch(kSamples);
  ASSERT_TRUE(reader->read(batch));
  EXPECT_THAT(batch.int64s(0), ElementsAre(3));
  EXPECT_THAT(batch.float64s(1), ElementsAre(IsNan()));
  EXPECT_THAT(batch.texts(2), ElementsAre("n"));
  EXPECT_FALSE(reader->read(batch));
}

TEST_F(CsvTableTest, NamesFileLineAndColumnOfWhatItCannotRead) {
  const auto read = [&](const char* text) {
    dir_.write("t.csv", text);
    return message_of<FailedError>([&] {
      Batch batch(kSamples);
      return open_csv(dir_ / "t.csv", kSamples)->read(batch);
    });
  };
  EXPECT_THAT(read(""), HasSubstr("t.csv has no header"));
  EXPECT_THAT(read("ts_ms,value\n"), HasSubstr("t.csv has no column note, if any"));
  EXPECT_THAT(read("ts_ms,value,\"note, if any\"\n1,2,a\nx,2,a\n"),
              AllOf(HasSubstr("t.csv:3"), HasSubstr("ts_ms")));
  EXPECT_THAT(read("ts_ms,value,\"note, if any\"\n1,2x,a\n"),
              AllOf(HasSubstr("t.csv:2"), HasSubstr("value")));
  EXPECT_THAT(read("ts_ms,value,\"note, if any\"\n1,2\n"), HasSubstr("is missing"));
}

}  // namespace
}  // namespace kexp::table
