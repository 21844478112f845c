#pragma once

#include <string>

namespace kexp::test {

/// A port of 127.0.0.1 that nobody listens on, for a program that cannot choose one itself.
///
/// Below what the kernel gives to outgoing connections, so that it stays free until it is used. Tests that
/// run at the same time have other process numbers, so they look in other places.
[[nodiscard]] int free_port();

/// A port of 127.0.0.1 that nobody else is given while this lives.
class LoopbackSocket {
 public:
  enum class Connections { refused, taken };  ///< Taken: and never answered.

  explicit LoopbackSocket(Connections connections = Connections::refused);
  LoopbackSocket(const LoopbackSocket&) = delete;
  LoopbackSocket& operator=(const LoopbackSocket&) = delete;
  ~LoopbackSocket();

  [[nodiscard]] int port() const { return port_; }
  /// 127.0.0.1:PORT
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  int port_ = 0;
};

}  // namespace kexp::test
