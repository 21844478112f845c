// The endpoint as Prometheus and a kubelet see it.

#include <atomic>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/net/http_client.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "support/errors.hpp"
#include "support/loopback_socket.hpp"
#include "support/temp_dir.hpp"

namespace kexp::telemetry {
namespace {

using test::message_of;
using test::TempDir;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

Endpoint::Check fine() { return {}; }

class EndpointTest : public ::testing::Test {
 protected:
  std::unique_ptr<Endpoint> open(const EndpointOptions& options = {}) {
    return std::make_unique<Endpoint>(options, metrics_, fine, fine);
  }
  net::HttpResponse get(const Endpoint& endpoint, const std::string& path) {
    net::HttpRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(endpoint.port()) + path;
    return client_->request(request, {});
  }

  Metrics metrics_;
  std::unique_ptr<net::HttpClient> client_ = net::make_http_client();
};

TEST_F(EndpointTest, ShowsTheMetricsAsPrometheusReadsThem) {
  metrics_.add("records_sent_total", 5, {"yolo_input"});
  const auto endpoint = open();

  const net::HttpResponse response = get(*endpoint, "/metrics");

  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.headers, Contains(Pair("content-type", HasSubstr("text/plain; version=0.0.4"))));
  EXPECT_EQ(response.body, metrics_.render());
  EXPECT_THAT(response.body, HasSubstr("kexp_records_sent_total{topic=\"yolo_input\"} 5"));
}

TEST_F(EndpointTest, TellsAnotherProcessWhetherThisOneIsHealthy) {
  std::atomic<bool> good{true};
  EndpointOptions everywhere;
  everywhere.address = "0.0.0.0";
  auto endpoint = std::make_unique<Endpoint>(
      everywhere, metrics_,
      [&] {
        return Endpoint::Check{good, good ? "working" : "stuck since 300 s"};
      },
      fine);
  const int port = endpoint->port();
  EXPECT_EQ(endpoint->url(), "http://127.0.0.1:" + std::to_string(port) + "/metrics");

  const Endpoint::Check healthy = ask_health("0.0.0.0", port, std::chrono::seconds(5));
  EXPECT_TRUE(healthy.ok);
  EXPECT_EQ(healthy.why, "working");
  good = false;
  const Endpoint::Check stuck = ask_health("127.0.0.1", port, std::chrono::seconds(5));
  EXPECT_FALSE(stuck.ok);
  EXPECT_EQ(stuck.why, "stuck since 300 s");
  endpoint.reset();
  const Endpoint::Check gone = ask_health("127.0.0.1", port, std::chrono::seconds(5));
  EXPECT_FALSE(gone.ok);
  EXPECT_THAT(gone.why, HasSubstr(fmt::format("no answer from 127.0.0.1:{}", port)));
}

TEST_F(EndpointTest, AsksTheProbesAtEveryRequest) {
  std::atomic<bool> good{false};
  const Endpoint endpoint(
      {}, metrics_,
      [&] {
        return Endpoint::Check{good, "no poll for 30 s"};
      },
      [&] {
        return Endpoint::Check{good, good ? "" : "no partitions yet"};
      });

  EXPECT_EQ(get(endpoint, "/healthz").status, 503);
  EXPECT_EQ(get(endpoint, "/healthz").body, "no poll for 30 s\n");
  EXPECT_EQ(get(endpoint, "/readyz").body, "no partitions yet\n");
  good = true;
  EXPECT_EQ(get(endpoint, "/healthz").status, 200);
  EXPECT_EQ(get(endpoint, "/readyz").status, 200);
  EXPECT_EQ(get(endpoint, "/readyz").body, "ok\n");
  EXPECT_EQ(get(endpoint, "/elsewhere").status, 404);
}

TEST_F(EndpointTest, TakesNoProbeForYes) {
  const Endpoint endpoint({}, metrics_, {}, {});
  EXPECT_EQ(get(endpoint, "/healthz").status, 200);
  EXPECT_EQ(get(endpoint, "/readyz").body, "ok\n");
}

TEST_F(EndpointTest, RefusesAPortThatIsTaken) {
  const auto first = open();
  EndpointOptions options;
  options.port = first->port();
  EXPECT_THAT(
      message_of<UsageError>([&] { return open(options); }),
      AllOf(HasSubstr("--metrics-port"), HasSubstr(std::to_string(first->port())), HasSubstr("in use")));
}

TEST_F(EndpointTest, TakesItsOwnPortAgainAfterItsEnd) {
  EndpointOptions options;
  options.port = test::free_port();
  EXPECT_EQ(get(*open(options), "/healthz").status, 200);
  EXPECT_EQ(open(options)->port(), options.port);
}

TEST_F(EndpointTest, RefusesAnAddressThatIsNotOurs) {
  EndpointOptions options;
  options.address = "192.0.2.1";  // Reserved for documentation.
  EXPECT_THAT(message_of<UsageError>([&] { return open(options); }),
              AllOf(HasSubstr("--metrics-address"), HasSubstr("192.0.2.1")));
}

TEST_F(EndpointTest, EndsWhileAClientHoldsAConnectionOpen) {
  auto endpoint = open();
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(endpoint->port()));
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);

  const auto before = std::chrono::steady_clock::now();
  endpoint.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  close(fd);
}

TEST_F(EndpointTest, LeavesItsAddressForFileDiscoveryWhileItLives) {
  const TempDir dir;
  EndpointOptions options;
  options.sd_dir = dir / "sd";
  options.role = "consume";
  const std::filesystem::path file = options.sd_dir / (std::to_string(getpid()) + ".json");
  {
    const auto endpoint = open(options);
    EXPECT_EQ(read_file(file), "[{\"targets\":[\"127.0.0.1:" + std::to_string(endpoint->port()) +
                                   "\"],\"labels\":{\"role\":\"consume\"}}]\n");
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(EndpointTest, NamesTheLoopbackInterfaceWhereItListensOnAll) {
  const TempDir dir;
  EndpointOptions options;
  options.address = "0.0.0.0";
  options.sd_dir = dir.path();
  const auto endpoint = open(options);
  EXPECT_THAT(read_file(dir / (std::to_string(getpid()) + ".json")), HasSubstr("127.0.0.1:"));
}

TEST_F(EndpointTest, RemovesWhatDeadProcessesLeftAndNothingElse) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  const TempDir dir;
  const auto dead = dir.write(std::to_string(child) + ".json", "[]");
  const auto alive = dir.write(std::to_string(getppid()) + ".json", "[]");
  const auto own = dir.write("my-targets.json", "[]");
  EndpointOptions options;
  options.sd_dir = dir.path();

  const auto endpoint = open(options);

  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(alive));
  EXPECT_TRUE(std::filesystem::exists(own));
}

TEST_F(EndpointTest, SaysThatTheDiscoveryFolderIsNone) {
  const TempDir dir;
  EndpointOptions options;
  options.sd_dir = dir.write("file", "");
  EXPECT_THAT(message_of<UsageError>([&] { return open(options); }), HasSubstr("KEXP_SD_DIR"));
}

}  // namespace
}  // namespace kexp::telemetry
