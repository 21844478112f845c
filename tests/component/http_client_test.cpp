// libcurl against a real server on the loopback interface.

#include "kexp/net/http_client.hpp"

#include <condition_variable>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.hpp"
#include "support/loopback_server.hpp"
#include "support/loopback_socket.hpp"
#include "support/scoped_env.hpp"

namespace kexp::net {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

/// Closed until `open`; a handler that waits there keeps its request unanswered.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void arrive_and_wait() {
    std::unique_lock lock(mutex_);
    arrived_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void wait_for_arrival() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false, arrived_ = false;
};

class HttpClientTest : public ::testing::Test {
 protected:
  HttpRequest to(const std::string& path, const std::string& method = "GET", const std::string& body = "") {
    HttpRequest request;
    request.url = server_.url(path);
    request.method = method;
    request.body = body;
    return request;
  }
  HttpResponse send(const HttpRequest& request) { return client_->request(request, {}); }

  void TearDown() override { gate_.open(); }

  Gate gate_;  // Outlives the server's threads, which may wait there.
  test::LoopbackServer server_;
  std::unique_ptr<HttpClient> client_ = make_http_client();
};

TEST_F(HttpClientTest, ReturnsStatusHeadersAndBody) {
  server_.server.Get("/x", [](const httplib::Request& request, httplib::Response& response) {
    response.status = 404;
    response.set_header("X-Seen", request.get_header_value("X-Mine") + "/" + request.get_param_value("q"));
    response.set_content("no such thing", "text/plain");
  });
  server_.start();
  HttpRequest request = to("/x?q=1");
  request.headers = {{"X-Mine", "me"}};

  const HttpResponse response = send(request);

  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "no such thing");
  EXPECT_THAT(response.headers, Contains(Pair("x-seen", "me/1")));
}

TEST_F(HttpClientTest, PostsABodyWithEveryByte) {
  std::string seen;
  server_.server.Post("/bytes",
                      [&](const httplib::Request& request, httplib::Response&) { seen = request.body; });
  server_.start();
  std::string body(3'000'000, 'x');  // Above 1 MB, where curl would ask before it sends.
  body[1000] = '\0';

  HttpRequest request = to("/bytes", "POST", body);
  request.headers = {{"Content-Type", "application/octet-stream"}};
  EXPECT_EQ(send(request).status, 200);
  EXPECT_EQ(seen, body);
}

TEST_F(HttpClientTest, AsksForNoCompression) {
  bool asked = true;
  server_.server.Get("/", [&](const httplib::Request& request, httplib::Response&) {
    asked = request.has_header("Accept-Encoding");
  });
  server_.start();
  static_cast<void>(send(to("/")));
  EXPECT_FALSE(asked);
}

TEST_F(HttpClientTest, KeepsItsConnectionForTheNextRequest) {
  std::set<int> ports;
  server_.server.Get(
      "/", [&](const httplib::Request& request, httplib::Response&) { ports.insert(request.remote_port); });
  server_.start();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(send(to("/")).status, 200);
  }
  EXPECT_EQ(ports.size(), 1U);
}

TEST_F(HttpClientTest, FollowsARedirectAndReportsTheLastAnswer) {
  server_.server.Get("/old", [](const httplib::Request&, httplib::Response& response) {
    response.set_header("X-Old", "1");
    response.set_redirect("/new");
  });
  server_.server.Get("/new", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("here", "text/plain");
  });
  server_.start();

  const HttpResponse response = send(to("/old"));

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "here");
  EXPECT_THAT(response.headers, Not(Contains(Pair("x-old", "1"))));
}

TEST_F(HttpClientTest, FollowsNoRedirectToAFile) {
  server_.server.Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_redirect("file:///etc/hostname");
  });
  server_.start();
  EXPECT_THROW(static_cast<void>(send(to("/"))), HttpError);
}

TEST_F(HttpClientTest, NeverSendsLoopbackTrafficToAProxy) {
  const test::ScopedEnv proxy("http_proxy", "http://127.0.0.1:9");
  server_.server.Get("/", [](const httplib::Request&, httplib::Response&) {});
  server_.start();
  EXPECT_EQ(send(to("/")).status, 200);
}

TEST_F(HttpClientTest, SaysWhoRefusedTheConnectionAndMasksThePassword) {
  const test::LoopbackSocket nobody;
  HttpRequest request;
  request.url = "http://me:secret@" + nobody.address() + "/x";

  try {
    static_cast<void>(send(request));
    ADD_FAILURE() << "nobody listens there";
  } catch (const HttpError& e) {
    EXPECT_EQ(e.code(), ExitCode::unavailable);
    EXPECT_EQ(e.status(), 0);
    EXPECT_TRUE(e.retriable());
    EXPECT_THAT(e.what(),
                AllOf(HasSubstr("***@127.0.0.1"), HasSubstr("Connection refused"), Not(HasSubstr("secret"))));
  }
}

TEST_F(HttpClientTest, FailsWhenTheAnswerEndsEarly) {
  server_.server.Get("/half", [](const httplib::Request&, httplib::Response& response) {
    response.set_content_provider(1000, "text/plain", [](size_t, size_t, httplib::DataSink& sink) {
      sink.write("half", 4);
      return false;
    });
  });
  server_.start();
  EXPECT_THAT(message_of<HttpError>([&] { return send(to("/half")); }), HasSubstr("GET http://127.0.0.1"));
}

TEST_F(HttpClientTest, SaysThatItTimedOut) {
  server_.server.Get("/slow",
                     [this](const httplib::Request&, httplib::Response&) { gate_.arrive_and_wait(); });
  server_.start();
  HttpRequest request = to("/slow");
  request.timeout = 50ms;

  try {
    static_cast<void>(send(request));
    ADD_FAILURE() << "nobody answered";
  } catch (const HttpError& e) {
    EXPECT_TRUE(e.timed_out());
    EXPECT_TRUE(e.retriable());
    EXPECT_THAT(e.what(), HasSubstr("timed out"));
  }
}

TEST_F(HttpClientTest, EndsAtOnceOnAStopWhileItWaits) {
  server_.server.Get("/slow",
                     [this](const httplib::Request&, httplib::Response&) { gate_.arrive_and_wait(); });
  server_.start();
  std::stop_source stop;
  const std::jthread stopper([&] {
    gate_.wait_for_arrival();
    stop.request_stop();
  });

  const auto before = std::chrono::steady_clock::now();
  EXPECT_THROW(static_cast<void>(client_->request(to("/slow"), stop.get_token())), InterruptedError);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 15s);
}

TEST_F(HttpClientTest, ServesSeveralThreadsAtATime) {
  server_.server.Get("/n", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(request.get_param_value("n"), "text/plain");
  });
  server_.start();
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) {
          const std::string n = std::to_string(t * 1000 + i);
          right += send(to("/n?n=" + n)).body == n ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(right, 200);
}

class HttpStreamTest : public HttpClientTest {
 protected:
  HttpResponse stream(const HttpRequest& request, std::stop_token stop = {}) {
    return client_->stream(
        request,
        [this](const HttpResponse& head, std::span<const std::byte> part) {
          EXPECT_EQ(head.status, 200);
          EXPECT_THAT(head.headers, Contains(Pair("content-type", "text/plain")));
          received_.append(reinterpret_cast<const char*>(part.data()), part.size());
          ++parts_;
        },
        std::move(stop));
  }
  /// An answer of `bytes`, in HTTP chunks of 1000, that is cut off after `sent` of them.
  void serve_chunks(std::size_t bytes, std::size_t sent) {
    server_.server.Get("/chunks", [=](const httplib::Request&, httplib::Response& response) {
      response.set_chunked_content_provider("text/plain", [=](std::size_t at, httplib::DataSink& sink) {
        if (at >= bytes) {
          sink.done();
          return true;
        }
        const std::string chunk(1000, static_cast<char>('a' + at / 1000 % 26));
        return at < sent && sink.write(chunk.data(), chunk.size());
      });
    });
  }

  std::string received_;
  int parts_ = 0;
};

TEST_F(HttpStreamTest, HandsTheBodyOverAsItComesAndKeepsNoneOfIt) {
  serve_chunks(3'000'000, 3'000'000);
  server_.start();

  const HttpResponse response = stream(to("/chunks"));

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  ASSERT_EQ(received_.size(), 3'000'000U);
  EXPECT_EQ(received_[0], 'a');
  EXPECT_EQ(received_[1'001'000], static_cast<char>('a' + 1001 % 26));
  EXPECT_GT(parts_, 2);
}

TEST_F(HttpStreamTest, KeepsTheBodyOfARefusal) {
  server_.server.Get("/no", [](const httplib::Request&, httplib::Response& response) {
    response.status = 503;
    response.set_header("Retry-After", "3");
    response.set_content(std::string(100'000, 'n'), "text/plain");
  });
  server_.start();

  const HttpResponse response = stream(to("/no"));

  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, std::string(65'536, 'n'));
  EXPECT_THAT(response.headers, Contains(Pair("retry-after", "3")));
  EXPECT_EQ(received_, "");
}

TEST_F(HttpStreamTest, FailsWhenTheAnswerEndsEarly) {
  serve_chunks(10'000, 4'000);
  server_.start();
  try {
    static_cast<void>(stream(to("/chunks")));
    ADD_FAILURE() << "the answer was not whole";
  } catch (const HttpError& e) {
    EXPECT_TRUE(e.retriable());
    EXPECT_FALSE(e.timed_out());
    EXPECT_EQ(e.status(), 0);
  }
  EXPECT_EQ(received_.size(), 4'000U);
}

TEST_F(HttpStreamTest, ThrowsOnWhatItsReceiverThrows) {
  serve_chunks(3'000'000, 3'000'000);
  server_.start();
  const OnBody full = [](const HttpResponse&, std::span<const std::byte>) { throw FailedError("disk full"); };
  EXPECT_EQ(message_of<FailedError>([&] { return client_->stream(to("/chunks"), full, {}); }), "disk full");
  EXPECT_EQ(stream(to("/chunks")).status, 200);
}

TEST_F(HttpStreamTest, TimesOutWhenTheBodyPauses) {
  server_.server.Get("/pause", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content_provider(1000, "text/plain", [this](size_t, size_t, httplib::DataSink& sink) {
      sink.write("half", 4);
      gate_.arrive_and_wait();
      return false;
    });
  });
  server_.start();
  HttpRequest request = to("/pause");
  request.timeout = 2s;  // Within it the half comes, on a busy machine, too.
  try {
    static_cast<void>(stream(request));
    ADD_FAILURE() << "half of the answer never came";
  } catch (const HttpError& e) {
    EXPECT_TRUE(e.timed_out());
  }
  EXPECT_EQ(received_, "half");
}

TEST_F(HttpStreamTest, DoesNotCountTheTimeThatItsReceiverTakes) {
  serve_chunks(2'000'000, 2'000'000);
  server_.start();
  HttpRequest request = to("/chunks");
  request.timeout = 1s;
  // As a receiver that writes to a slow disk: the sender has to wait for it.
  const auto slow_until = std::chrono::steady_clock::now() + 1200ms;
  const OnBody slow = [&](const HttpResponse&, std::span<const std::byte> part) {
    received_.append(reinterpret_cast<const char*>(part.data()), part.size());
    std::condition_variable never;
    std::mutex mutex;
    std::unique_lock lock(mutex);
    never.wait_until(lock, slow_until, [] { return false; });
  };
  EXPECT_EQ(client_->stream(request, slow, {}).status, 200);
  EXPECT_EQ(received_.size(), 2'000'000U);
}

TEST_F(HttpStreamTest, EndsAtOnceOnAStopInTheMiddle) {
  server_.server.Get("/pause", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content_provider(1000, "text/plain", [this](size_t, size_t, httplib::DataSink& sink) {
      sink.write("half", 4);
      gate_.arrive_and_wait();
      return false;
    });
  });
  server_.start();
  std::stop_source stop;
  const std::jthread stopper([&] {
    gate_.wait_for_arrival();
    stop.request_stop();
  });
  const auto before = std::chrono::steady_clock::now();
  EXPECT_THROW(static_cast<void>(stream(to("/pause"), stop.get_token())), InterruptedError);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 15s);
}

/// What a server sees of a client with these options.
class HttpIdentityTest : public HttpClientTest {
 protected:
  httplib::Request seen_with(HttpClientOptions options) {
    httplib::Request seen;
    server_.server.Get("/", [&](const httplib::Request& request, httplib::Response&) { seen = request; });
    server_.start();
    static_cast<void>(make_http_client(std::move(options))->request(to("/"), {}));
    return seen;
  }
};

TEST_F(HttpIdentityTest, SendsABearerToken) {
  HttpClientOptions options;
  options.bearer_token = "abc";
  EXPECT_EQ(seen_with(options).get_header_value("Authorization"), "Bearer abc");
}

TEST_F(HttpIdentityTest, SendsUserAndPassword) {
  HttpClientOptions options;
  options.user = "me";
  options.password = "secret";
  EXPECT_EQ(seen_with(options).get_header_value("Authorization"), "Basic bWU6c2VjcmV0");
}

TEST_F(HttpIdentityTest, SendsHeadersOfItsOwn) {
  HttpClientOptions options;
  options.headers = {{"X-Scope-OrgID", "team"}};
  EXPECT_EQ(seen_with(options).get_header_value("X-Scope-OrgID"), "team");
}

TEST_F(HttpIdentityTest, CarriesItsHeadersToNoOtherPlace) {
  bool followed = false;
  server_.server.Get(
      "/old", [](const httplib::Request&, httplib::Response& response) { response.set_redirect("/new"); });
  server_.server.Get("/new", [&](const httplib::Request&, httplib::Response&) { followed = true; });
  server_.start();
  HttpClientOptions options;
  options.headers = {{"X-Api-Key", "secret"}};
  EXPECT_EQ(make_http_client(options)->request(to("/old"), {}).status, 302);
  EXPECT_FALSE(followed);
}

TEST(HttpClientOptionsTest, NamesWhatIsWrongAndNoSecret) {
  const auto message = [](const HttpClientOptions& options) {
    return message_of<UsageError>([&] { return make_http_client(options); });
  };
  HttpClientOptions token;
  token.bearer_token = "secret\n";
  EXPECT_THAT(message(token), AllOf(HasSubstr("bearer token"), Not(HasSubstr("secret"))));
  HttpClientOptions header;
  header.headers = {{"X-Key", "secret\r\nX: y"}};
  EXPECT_THAT(message(header), AllOf(HasSubstr("header X-Key"), Not(HasSubstr("secret"))));
  HttpClientOptions both;
  both.bearer_token = both.user = "secret";
  EXPECT_THAT(message(both), AllOf(HasSubstr("not both"), Not(HasSubstr("secret"))));
  HttpClientOptions no_file;
  no_file.ca_file = "/no/such.pem";
  EXPECT_THAT(message(no_file), HasSubstr("CA file /no/such.pem cannot be read"));
  HttpClientOptions no_key;
  no_key.client_certificate = "/dev/null";
  EXPECT_THAT(message(no_key), HasSubstr("belong together"));
}

}  // namespace
}  // namespace kexp::net
