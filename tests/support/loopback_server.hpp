#pragma once

#include <httplib.h>
#include <stdexcept>
#include <string>
#include <thread>

namespace kexp::test {

/// A real HTTP server on 127.0.0.1 and a free port. Handlers are set on `server` before `start`.
class LoopbackServer {
 public:
  LoopbackServer() = default;
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  ~LoopbackServer() { server.stop(); }

  void start() {
    server.set_tcp_nodelay(true);
    port_ = server.bind_to_any_port("127.0.0.1");
    if (port_ <= 0) {
      throw std::runtime_error("no free port on 127.0.0.1");
    }
    thread_ = std::jthread([this] { server.listen_after_bind(); });
    while (!server.is_running()) {  // Before that, stop() would be lost.
      std::this_thread::yield();
    }
  }
  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] int port() const { return port_; }

  httplib::Server server;

 private:
  int port_ = 0;
  std::jthread thread_;
};

}  // namespace kexp::test
