#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/table/table.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::table {
namespace {

using test::message_of;
using test::TempDir;
using ::testing::HasSubstr;

const Schema kSamples = {
    {"series_id", ColumnType::int64}, {"value", ColumnType::float64}, {"note, if any", ColumnType::text}};

void add(Batch& batch, std::int64_t id, double value, const std::string& note) {
  batch.int64s(0).push_back(id);
  batch.float64s(1).push_back(value);
  batch.texts(2).push_back(note);
}

TEST(CsvWriterTest, WritesAHeaderAndQuotesWhereItMust) {
  const TempDir dir;
  const auto writer = make_csv_writer(dir / "t.csv", kSamples);
  Batch batch(kSamples);
  add(batch, -3, 0.1, "plain");
  add(batch, std::numeric_limits<std::int64_t>::max(), 1e300, "a \"b\", c\nd");
  writer->write(batch);
  static_cast<void>(writer->finish());

  EXPECT_EQ(read_file(dir / "t.csv"),
            "series_id,value,\"note, if any\"\n"
            "-3,0.1,plain\n"
            "9223372036854775807,1e+300,\"a \"\"b\"\", c\nd\"\n");
}

TEST(CsvWriterTest, WritesNonFiniteNumbersAsPrometheusDoes) {
  const TempDir dir;
  const auto writer = make_csv_writer(dir / "t.csv", kSamples);
  Batch batch(kSamples);
  add(batch, 0, std::nan(""), "");
  add(batch, 0, -std::nan(""), "");
  add(batch, 0, HUGE_VAL, "");
  add(batch, 0, -HUGE_VAL, "");
  add(batch, 0, -0.0, "");
  writer->write(batch);
  static_cast<void>(writer->finish());
  EXPECT_THAT(read_file(dir / "t.csv"), HasSubstr("\n0,NaN,\n0,NaN,\n0,+Inf,\n0,-Inf,\n0,-0,\n"));
}

TEST(CsvWriterTest, SaysWhatItWrote) {
  const TempDir dir;
  const auto writer = make_csv_writer(dir / "t.csv", kSamples);
  Batch batch(kSamples);
  for (int i = 0; i < 50'000; ++i) {
    add(batch, i, i * 0.25, "x");
  }
  writer->write(batch);
  batch.clear();
  add(batch, 1, 1, "y");
  writer->write(batch);

  const WrittenFile written = writer->finish();

  const std::string text = read_file(dir / "t.csv");
  EXPECT_EQ(written.path, dir / "t.csv");
  EXPECT_EQ(written.rows, 50'001U);
  EXPECT_EQ(written.bytes, text.size());
  EXPECT_EQ(written.sha256, sha256_hex(text));
}

TEST(CsvWriterTest, WritesDoublesThatReadBackTheSame) {
  const TempDir dir;
  const auto writer = make_csv_writer(dir / "t.csv", kSamples);
  Batch batch(kSamples);
  std::mt19937_64 random(7);
  std::vector<double> values = {5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1 / 3.0};
  while (values.size() < 2000) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    if (std::isfinite(value)) {
      values.push_back(value);
    }
  }
  for (const double value : values) {
    add(batch, 0, value, "");
  }
  writer->write(batch);
  static_cast<void>(writer->finish());

  CsvReader reader(dir / "t.csv");
  ASSERT_TRUE(reader.next());
  for (const double value : values) {
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(std::strtod(std::string(reader.row()[1]).c_str(), nullptr), value);
  }
}

TEST(CsvWriterTest, ATimeIsUnixMilliseconds) {
  const TempDir dir;
  const Schema schema = {{"ts_ms", ColumnType::timestamp_ms}};
  const auto writer = make_csv_writer(dir / "t.csv", schema);
  Batch batch(schema);
  batch.int64s(0).push_back(1'795'280'000'000);
  writer->write(batch);
  static_cast<void>(writer->finish());
  EXPECT_EQ(read_file(dir / "t.csv"), "ts_ms\n1795280000000\n");
}

TEST(CsvWriterTest, AnEmptyTableIsItsHeader) {
  const TempDir dir;
  const auto writer = make_csv_writer(dir / "t.csv", {{"a", ColumnType::int64}, {"b", ColumnType::text}});
  EXPECT_EQ(writer->finish().rows, 0U);
  EXPECT_EQ(read_file(dir / "t.csv"), "a,b\n");
}

TEST(CsvWriterTest, RefusesAFileThatExists) {
  const TempDir dir;
  dir.write("t.csv", "precious");
  EXPECT_THAT(message_of<FailedError>([&] { return make_csv_writer(dir / "t.csv", kSamples); }),
              HasSubstr("t.csv"));
  EXPECT_EQ(read_file(dir / "t.csv"), "precious");
}

TEST(CsvWriterTest, RefusesRowsThatDoNotFit) {
  const TempDir dir;
  const auto writer = make_csv_writer(dir / "t.csv", kSamples);
  Batch ragged(kSamples);
  add(ragged, 1, 1, "x");
  ragged.int64s(0).push_back(2);
  EXPECT_THROW(writer->write(ragged), std::logic_error);
  EXPECT_THROW(writer->write(Batch({{"series_id", ColumnType::int64}})), std::logic_error);
}

}  // namespace
}  // namespace kexp::table
