#include <cerrno>
#include <cstring>
#include <httplib.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "discovery.hpp"

namespace kexp::telemetry {

namespace {

constexpr std::size_t kThreads = 4;  // Of one request each: a scraper, two probes, a curious person.
constexpr time_t kReadTimeoutS = 2;  // A client that says nothing holds a thread no longer.
constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kExposition = "text/plain; version=0.0.4; charset=utf-8";

// Without SO_REUSEPORT, httplib's default: two processes would share a port, and scrapes be split at random.
void set_socket_options(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

void configure(httplib::Server& server) {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_keep_alive_max_count(1);            // An idle connection would hold a thread.
  server.set_keep_alive_timeout(kReadTimeoutS);  // Also how long the first byte may take.
  server.set_read_timeout(kReadTimeoutS);
  server.set_socket_options(&set_socket_options);
  server.set_tcp_nodelay(true);
}

void answer(const Endpoint::Probe& probe, httplib::Response& response) {
  const Endpoint::Check check = probe ? probe() : Endpoint::Check{};
  response.status = check.ok ? 200 : 503;
  response.set_content((check.why.empty() ? std::string(check.ok ? "ok" : "not ok") : check.why) + "\n",
                       kText);
}

/// Returns the port.
int bind(httplib::Server& server, const EndpointOptions& options) {
  errno = 0;
  const int port = options.port == 0 ? server.bind_to_any_port(options.address)
                   : server.bind_to_port(options.address, options.port) ? options.port
                                                                        : -1;
  if (port > 0) {
    return port;
  }
  const int reason = errno;
  if (reason == EADDRINUSE || reason == EACCES) {
    throw UsageError(fmt::format("--metrics-port {} cannot be listened on at {}: {}; 0 takes any free one",
                                 options.port, options.address, std::strerror(reason)));
  }
  throw UsageError(fmt::format("--metrics-address must be an address of this machine, got \"{}\"{}",
                               options.address,
                               reason == 0 ? "" : fmt::format(": {}", std::strerror(reason))));
}

/// What reaches `address` from this machine: one that means "all" is none to connect to.
std::string host_of(const std::string& address) {
  if (address == "0.0.0.0") {
    return "127.0.0.1";
  }
  return address == "::" ? "::1" : address;
}

/// What a Prometheus on this machine scrapes.
std::string target_of(const std::string& address, int port) {
  const std::string host = host_of(address);
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace

struct Endpoint::Impl {
  Impl(const EndpointOptions& options, const Metrics& metrics, Probe healthy, Probe ready) {
    configure(server);
    server.Get("/metrics", [&metrics](const httplib::Request&, httplib::Response& response) {
      response.set_content(metrics.render(), kExposition);
    });
    server.Get("/healthz",
               [probe = std::move(healthy)](const httplib::Request&, httplib::Response& response) {
                 answer(probe, response);
               });
    server.Get("/readyz", [probe = std::move(ready)](const httplib::Request&, httplib::Response& response) {
      answer(probe, response);
    });
    port = bind(server, options);
    target = target_of(options.address, port);
    if (!options.sd_dir.empty()) {
      discovery.emplace(options.sd_dir, target, options.role);
    }
    thread = std::jthread([this] { server.listen_after_bind(); });
    while (!server.is_running()) {  // A few microseconds; before that, stop() would be lost.
      std::this_thread::yield();
    }
  }
  ~Impl() {
    discovery.reset();  // Nobody is to scrape a closing port.
    server.stop();
  }

  httplib::Server server;
  int port = 0;
  std::string target;
  std::optional<DiscoveryFile> discovery;
  std::jthread thread;  // Last member.
};

Endpoint::Endpoint(const EndpointOptions& options, const Metrics& metrics, Probe healthy, Probe ready)
    : impl_(std::make_unique<Impl>(options, metrics, std::move(healthy), std::move(ready))) {}

Endpoint::~Endpoint() = default;

int Endpoint::port() const { return impl_->port; }

std::string Endpoint::url() const { return fmt::format("http://{}/metrics", impl_->target); }

Endpoint::Check ask_health(const std::string& address, int port, std::chrono::milliseconds timeout) {
  httplib::Client client(host_of(address), port);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  const httplib::Result answer = client.Get("/healthz");
  if (!answer) {
    return {false, fmt::format("no answer from {}: {}", target_of(address, port),
                               httplib::to_string(answer.error()))};
  }
  return {answer->status == 200, answer->body.substr(0, answer->body.find('\n'))};
}

}  // namespace kexp::telemetry
