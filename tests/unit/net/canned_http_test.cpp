#include "support/canned_http.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.hpp"

namespace kexp::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

net::HttpRequest get(const std::string& url) {
  net::HttpRequest request;
  request.url = url;
  return request;
}

TEST(CannedHttpTest, TakesTheLatestRuleThatFitsUrlOrBody) {
  CannedHttp http;
  http.on("/api", "first");
  http.on("query=up", "second", 503);
  net::HttpRequest form = get("http://h/api");
  form.body = "query=up";

  EXPECT_EQ(http.request(get("http://h/api"), {}).body, "first");
  EXPECT_EQ(http.request(form, {}).status, 503);
  EXPECT_EQ(http.count("/api"), 2U);
  EXPECT_EQ(http.requests()[1].body, "query=up");
}

TEST(CannedHttpTest, RefusesWhatHasNoRule) {
  CannedHttp http;
  EXPECT_THAT(message_of<net::HttpError>([&] { return http.request(get("http://a:b@h/x"), {}); }),
              HasSubstr("***@h/x: connection refused"));
}

TEST(CannedHttpTest, AnswersAStopByAnInterruption) {
  CannedHttp http;
  http.on("h", "body");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(static_cast<void>(http.request(get("http://h"), stop.get_token())), InterruptedError);
}

class CannedStreamTest : public ::testing::Test {
 protected:
  net::OnBody collect() {
    return [this](const net::HttpResponse&, std::span<const std::byte> part) {
      parts_.emplace_back(reinterpret_cast<const char*>(part.data()), part.size());
    };
  }

  CannedHttp http_;
  std::vector<std::string> parts_;
};

TEST_F(CannedStreamTest, HandsABodyOverInPiecesAndKeepsNoneOfIt) {
  http_.on("h", "seven b");
  http_.set_piece_size(3);
  EXPECT_EQ(http_.stream(get("http://h"), collect(), {}).body, "");
  EXPECT_THAT(parts_, ElementsAre("sev", "en ", "b"));
}

TEST_F(CannedStreamTest, KeepsTheBodyOfARefusal) {
  http_.on("h", "no", 404);
  EXPECT_EQ(http_.stream(get("http://h"), collect(), {}).body, "no");
  EXPECT_THAT(parts_, IsEmpty());
}

TEST_F(CannedStreamTest, BreaksOffAfterWhatWasToBeHandedOver) {
  http_.on_cut("h", {200, {}, "half"});
  EXPECT_THROW(static_cast<void>(http_.stream(get("http://h"), collect(), {})), net::HttpError);
  EXPECT_THAT(parts_, ElementsAre("half"));
  EXPECT_THROW(static_cast<void>(http_.request(get("http://h"), {})), net::HttpError);
}

}  // namespace
}  // namespace kexp::test
