#include "kexp/core/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using testing::HasSubstr;

class CsvTest : public testing::Test {
 protected:
  Rows read(std::string_view text, CsvReader::Tail tail = CsvReader::Tail::keep) {
    CsvReader reader(temp_.write("a.csv", text), tail);
    Rows rows;
    while (reader.next()) {
      rows.emplace_back(reader.row().begin(), reader.row().end());
    }
    torn_ = reader.torn();
    return rows;
  }

  TempDir temp_;
  bool torn_ = false;
};

TEST_F(CsvTest, WritesALine) {
  EXPECT_EQ(csv_line("a", std::string("b"), 3, std::int64_t{-9'000'000'000}, 0.1, std::size_t{7}),
            "a,b,3,-9000000000,0.1,7\n");
}

TEST_F(CsvTest, QuotesWhatWouldBeReadOtherwise) {
  EXPECT_EQ(csv_line("[1, 3]", "say \"no\"", "two\nlines", ""),
            "\"[1, 3]\",\"say \"\"no\"\"\",\"two\nlines\",\n");
}

TEST_F(CsvTest, ReadsWhatItWrote) {
  const std::vector<std::string> fields = {"[1, 3]", "say \"no\"", "\"", "two\nlines\r\n", "", "a", "\"\","};
  std::string text;
  for (int i = 0; i < 3; ++i) {
    text += csv_line(fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]);
  }
  EXPECT_EQ(read(text), Rows({fields, fields, fields}));
}

TEST_F(CsvTest, ReadsRowsThatAreLongerThanTheBuffer) {
  const std::string large(700'000, 'x');
  EXPECT_EQ(read(csv_line("a", large + "\n", "b") + csv_line("c", large)),
            Rows({{"a", large + "\n", "b"}, {"c", large}}));
}

TEST_F(CsvTest, SkipsEmptyLinesAndTheByteOrderMark) {
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "a,b\r\n\r\n\n1,2\r\n"),
            Rows({{"a", "b"}, {"1", "2"}}));
}

TEST_F(CsvTest, AQuoteWithinAFieldIsAnOrdinaryCharacter) {
  EXPECT_EQ(read("5\" disk,a\"\"b\nc,d\n"), Rows({{"5\" disk", "a\"\"b"}, {"c", "d"}}));
}

TEST_F(CsvTest, EmptyFieldsAreFields) { EXPECT_EQ(read(",\na,,\n"), Rows({{"", ""}, {"a", "", ""}})); }

TEST_F(CsvTest, AnEmptyFileHasNoRows) {
  EXPECT_TRUE(read("").empty());
  EXPECT_TRUE(read("", CsvReader::Tail::drop).empty());
  EXPECT_FALSE(torn_);
}

TEST_F(CsvTest, KeepsALastLineWithoutItsEndWhenAPersonWroteIt) {
  EXPECT_EQ(read("a,b\n1,2"), Rows({{"a", "b"}, {"1", "2"}}));
  EXPECT_FALSE(torn_);
}

TEST_F(CsvTest, DropsATornLastLineOfOurOwnFiles) {
  EXPECT_EQ(read("a,b\n1,2\n3,4", CsvReader::Tail::drop), Rows({{"a", "b"}, {"1", "2"}}));
  EXPECT_TRUE(torn_);
  EXPECT_EQ(read("a,b\n1,\"[3", CsvReader::Tail::drop), Rows({{"a", "b"}}));
  EXPECT_TRUE(torn_);
}

TEST_F(CsvTest, FindsColumnsByName) {
  CsvReader reader(temp_.write("a.csv", "id,status\n"));
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.position("status"), 1U);
  EXPECT_FALSE(reader.position("Status"));
}

TEST_F(CsvTest, KnowsTheLineOfARow) {
  CsvReader reader(temp_.write("a.csv", "a\n\n\"two\nlines\"\nb\n"));
  std::vector<std::size_t> lines;
  while (reader.next()) {
    lines.push_back(reader.line());
  }
  EXPECT_EQ(lines, (std::vector<std::size_t>{1, 3, 5}));
}

TEST_F(CsvTest, AQuoteThatIsNeverClosedIsNamedWithItsLine) {
  CsvReader reader(temp_.write("a.csv", "a\n\"b\n"));
  ASSERT_TRUE(reader.next());
  EXPECT_THAT(message_of<FailedError>([&] { return reader.next(); }), HasSubstr("a.csv:2"));
}

TEST_F(CsvTest, AMissingFileIsNamed) {
  EXPECT_THAT(message_of<FailedError>([&] { return CsvReader(temp_ / "no.csv").next(); }),
              HasSubstr("no.csv"));
}

}  // namespace
}  // namespace kexp::test
