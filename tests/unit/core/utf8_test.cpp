#include "kexp/core/utf8.hpp"

#include <gtest/gtest.h>

namespace kexp {
namespace {

TEST(Utf8Test, LeavesWhatIsUtf8AsItIs) {
  for (const char* text :
       {"", "person", "Fu\xC3\x9Fg\xC3\xA4nger", "\xF0\x9F\x9A\x97", "tab\t\"quoted\" \\n"}) {
    EXPECT_EQ(valid_utf8(text), text);
  }
}

TEST(Utf8Test, PutsTheReplacementCharacterForWhatIsNone) {
  EXPECT_EQ(valid_utf8("caf\xE9"), "caf\xEF\xBF\xBD");
  EXPECT_EQ(valid_utf8("\xFF!\xC3"), "\xEF\xBF\xBD!\xEF\xBF\xBD");
}

}  // namespace
}  // namespace kexp
