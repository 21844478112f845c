// What comes out of messages besides pictures: key, run, and the answers of other programs.
//
// An input is key, run and error of an image, and an answer, with 0x1E between them.

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "kexp/record/id_table.hpp"
#include "kexp/record/message.hpp"
#include "kexp/record/result.hpp"
#include "kexp/record/result_files.hpp"

#include "target.hpp"

namespace {

using kexp::fuzz::require;
using kexp::record::Result;

constexpr char kBetween = 0x1E;

/// The part before the next separator, taken off.
std::string_view take_part(std::string_view& text) {
  const std::string_view part = text.substr(0, text.find(kBetween));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

/// Whether `text` is so many rows of CSV: line ends within quotes are none.
bool has_rows(const std::string& text, std::size_t rows) {
  bool quoted = false;
  std::size_t ends = 0;
  for (const char c : text) {
    quoted = quoted != (c == '"');
    ends += !quoted && c == '\n' ? 1 : 0;
  }
  return !quoted && ends == rows && (text.empty() || text.back() == '\n');
}

void check_rows(const Result& result) {
  require(has_rows(kexp::record::result_line(result, {}), 1), "a result is one row");
  require(has_rows(kexp::record::detection_lines(result), result.detections.size()),
          "each detection is one row");
}

/// Whatever bytes a producer takes for id and run, its answer can be read.
void answer_one(std::string_view key, std::string_view run, std::string_view error) {
  Result result;
  result.id = kexp::record::image_id(key, 3, 99);
  require(!result.id.empty(), "every image has an id");
  result.run = run;
  result.errors = error.empty() ? 0 : 1;
  result.error = error;
  result.partition = 3;
  result.offset = 99;
  result.detections.push_back({1, std::string(error), 0.5, {1, 2, 3, 4}});
  check_rows(result);
  const std::string text = kexp::record::to_json_text(result);
  const auto read = kexp::record::parse_result(text, nullptr);
  require(read.has_value(), "an answer of ours can be read");
  require(read->partition == 3 && read->offset == 99 && read->errors == result.errors,
          "an answer of ours is read as it was written");
  require(kexp::record::to_json_text(*read) == text, "an answer that was read is written as it was");
}

void read_answer(std::string_view text) {
  std::string why;
  const auto read = kexp::record::parse_result(text, &why);
  require(read.has_value() == why.empty(), "a refusal has a reason");
  if (read) {
    check_rows(*read);
    require(kexp::record::parse_result(kexp::record::to_json_text(*read), nullptr).has_value(),
            "an answer that was read can be written and read again");
  }
}

/// The words of `text` as ids, beside the obvious table. Cut short: a large number makes a table of 64 MB,
/// which takes longer than all the rest.
void count_ids(std::string_view text) {
  constexpr std::size_t kMostDigits = 5;
  kexp::record::IdTable table;
  std::map<std::string, std::uint8_t> expected;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const std::string_view id = word.substr(0, kMostDigits);
    const auto flag = static_cast<std::uint8_t>(1U << id.size() % 8);
    table[id] |= flag;
    expected[std::string(id)] |= flag;
  }
  std::size_t visited = 0;
  table.for_each([&](const std::string& id, std::uint8_t flags) {
    ++visited;
    const auto found = expected.find(id);
    require(found != expected.end() && found->second == flags, "an id has the flags that it was given");
  });
  require(visited == expected.size(), "every id is there once");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = kexp::fuzz::text_of(data, size);
  const std::string_view key = take_part(text);
  const std::string_view run = take_part(text);
  const std::string_view error = take_part(text);
  answer_one(key, run, error);
  count_ids(run);
  read_answer(text);
  return 0;
}
