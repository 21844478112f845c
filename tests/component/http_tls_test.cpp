// libcurl against a TLS server on the loopback interface: who trusts whom.

#include <httplib.h>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/process.hpp"
#include "kexp/net/http_client.hpp"

#include "support/temp_dir.hpp"

namespace kexp::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

/// A folder of authorities and of what they signed.
class Certificates {
 public:
  void make_authority(const std::string& name) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=" + name, "-keyout", key(name), "-out", certificate(name)});
  }
  void make(const std::string& name, const std::string& authority) {
    const std::string extensions = folder_.write("extensions", "subjectAltName=IP:127.0.0.1\n").string();
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
             "-keyout", key(name), "-out", (folder_ / "request").string()});
    openssl({"x509", "-req", "-in", (folder_ / "request").string(), "-CA", certificate(authority), "-CAkey",
             key(authority), "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out",
             certificate(name)});
  }
  [[nodiscard]] std::string certificate(const std::string& name) const {
    return (folder_ / (name + ".pem")).string();
  }
  [[nodiscard]] std::string key(const std::string& name) const {
    return (folder_ / (name + ".key")).string();
  }

 private:
  void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const ProcessResult result = SystemProcessRunner().run(arguments, folder_.path(), 30s, {});
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  test::TempDir folder_;
};

class HttpTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    files_.make_authority("authority");
    files_.make("server", "authority");
  }
  void TearDown() override {
    if (server_) {
      server_->stop();
    }
  }

  /// `client_authority`: whose clients are let in; empty: everybody.
  void start(const std::string& client_authority = "") {
    server_ = std::make_unique<httplib::SSLServer>(
        files_.certificate("server").c_str(), files_.key("server").c_str(),
        client_authority.empty() ? nullptr : files_.certificate(client_authority).c_str());
    ASSERT_TRUE(server_->is_valid());
    server_->Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("inside", "text/plain");
    });
    request_.url = fmt::format("https://127.0.0.1:{}/", server_->bind_to_any_port("127.0.0.1"));
    thread_ = std::jthread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) {
      std::this_thread::yield();
    }
  }
  [[nodiscard]] HttpClientOptions trusting(const std::string& authority) const {
    HttpClientOptions options;
    options.ca_file = files_.certificate(authority);
    return options;
  }
  std::string body_with(const HttpClientOptions& options) {
    return make_http_client(options)->request(request_, {}).body;
  }
  void expect_stranger(const HttpClientOptions& options) {
    try {
      static_cast<void>(body_with(options));
      ADD_FAILURE() << "was let in";
    } catch (const HttpError& e) {
      EXPECT_FALSE(e.retriable()) << e.what();
      EXPECT_EQ(e.code(), ExitCode::unavailable);
      EXPECT_THAT(e.what(), HasSubstr("certificate"));
    }
  }

  Certificates files_;
  HttpRequest request_;
  std::unique_ptr<httplib::SSLServer> server_;
  std::jthread thread_;
};

TEST_F(HttpTlsTest, TrustsTheAuthorityThatItIsGiven) {
  start();
  EXPECT_EQ(body_with(trusting("authority")), "inside");
}

TEST_F(HttpTlsTest, TrustsNoServerOfAnotherAuthorityAndDoesNotAskAgain) {
  start();
  files_.make_authority("stranger");
  expect_stranger({});
  expect_stranger(trusting("stranger"));
}

TEST_F(HttpTlsTest, TrustsEveryServerWhenToldTo) {
  start();
  HttpClientOptions options;
  options.verify_server = HttpClientOptions::VerifyServer::no;
  EXPECT_EQ(body_with(options), "inside");
}

TEST_F(HttpTlsTest, ShowsItsOwnCertificate) {
  files_.make("client", "authority");
  start("authority");
  HttpClientOptions options = trusting("authority");
  EXPECT_THROW(static_cast<void>(body_with(options)), HttpError);
  options.client_certificate = files_.certificate("client");
  options.client_key = files_.key("client");
  EXPECT_EQ(body_with(options), "inside");
}

}  // namespace
}  // namespace kexp::net
