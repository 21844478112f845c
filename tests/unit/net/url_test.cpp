#include <gtest/gtest.h>

#include "kexp/net/http_client.hpp"

namespace kexp::net {
namespace {

TEST(EncodeQueryTest, KeepsUnreservedCharactersAndEncodesTheRest) {
  EXPECT_EQ(encode_query({{"query", "up{job=\"a b\"}"}, {"step", "5.000"}, {"k-._~", "ä+&="}}),
            "query=up%7Bjob%3D%22a%20b%22%7D&step=5.000&k-._~=%C3%A4%2B%26%3D");
}

TEST(EncodeQueryTest, OfNothingIsEmpty) { EXPECT_EQ(encode_query({}), ""); }

TEST(EncodeQueryTest, RepeatsANameThatIsGivenTwice) {
  EXPECT_EQ(encode_query({{"match[]", "a"}, {"match[]", "b"}}), "match%5B%5D=a&match%5B%5D=b");
}

TEST(PrintableUrlTest, MasksUserAndPassword) {
  EXPECT_EQ(printable_url("https://me:secret@host:9090/api?x=a@b"), "https://***@host:9090/api?x=a@b");
  EXPECT_EQ(printable_url("https://me:p@ss@host"), "https://***@host");
}

TEST(PrintableUrlTest, LeavesAUrlWithoutThemAsItIs) {
  EXPECT_EQ(printable_url("http://host/api?mail=a@b"), "http://host/api?mail=a@b");
  EXPECT_EQ(printable_url("no url"), "no url");
}

}  // namespace
}  // namespace kexp::net
