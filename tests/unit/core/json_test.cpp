#include "kexp/core/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp {
namespace {

using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(JsonTest, KeepsTheOrderOfKeys) {
  const Json value = parse_json(R"({"b": 1, "a": [true, null, 2.5]})", "text");

  EXPECT_EQ(value.dump(), R"({"b":1,"a":[true,null,2.5]})");
}

TEST(JsonTest, ErrorNamesSourceAndPosition) {
  EXPECT_THAT(
      message_of<FailedError>([] { return parse_json("{\n  \"a\": x}", "feed.json"); }),
      AllOf(HasSubstr("feed.json: "), HasSubstr("line 2, column 8"), Not(HasSubstr("json.exception"))));
}

TEST(JsonTest, RefusesWhatIsCutOffEmptyOrTooMuch) {
  for (const char* text : {"", "{\"a\": 1", "[1] [2]", "1e999", "{\"a\": NaN}", "\"\xff\""}) {
    EXPECT_THROW((void)parse_json(text, "x"), FailedError) << text;
  }
}

TEST(JsonTest, FileIsIndentedAndEndsWithALineBreak) {
  const test::TempDir dir;
  write_json(dir / "a.json", Json{{"n", 1}});

  EXPECT_EQ(read_file(dir / "a.json"), "{\n  \"n\": 1\n}\n");
  EXPECT_EQ(read_json(dir / "a.json")["n"], 1);
}

TEST(JsonTest, FileWithAnErrorIsNamed) {
  const test::TempDir dir;
  dir.write("a.json", "{");

  EXPECT_THAT(message_of<FailedError>([&] { return read_json(dir / "a.json"); }),
              HasSubstr((dir / "a.json").string()));
  EXPECT_THROW((void)read_json(dir / "none.json"), FailedError);
}

TEST(JsonTest, NameThatIsNotUtf8DoesNotLoseTheFile) {
  const test::TempDir dir;
  write_json(dir / "a.json", Json{{"image", "caf\xe9.jpg"}});

  EXPECT_EQ(read_json(dir / "a.json")["image"], "caf\xEF\xBF\xBD.jpg");
}

}  // namespace
}  // namespace kexp
