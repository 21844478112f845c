#include "support/canned_http.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.hpp"

namespace kexp::test {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace kexp::test
