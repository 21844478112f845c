#include "support/loopback_socket.hpp"

#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include <netinet/in.h>

namespace kexp::test {

namespace {

constexpr int kFirstPort = 10'000;
constexpr int kPorts = 10'000;

/// Port 0: any one.
bool bind_to(int socket, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace

int free_port() {
  static std::atomic<int> place{static_cast<int>(getpid() % kPorts) * 16};
  for (int tries = 0; tries < kPorts; ++tries) {
    const int port = kFirstPort + place++ % kPorts;
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_free = bind_to(probe, port);
    close(probe);
    if (is_free) {
      return port;
    }
  }
  throw std::runtime_error("no free port on 127.0.0.1");
}

LoopbackSocket::LoopbackSocket(Connections connections)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (!bind_to(socket_, 0) || getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      (connections == Connections::taken && listen(socket_, 8) != 0)) {
    const std::error_code error(errno, std::generic_category());
    close(socket_);
    throw std::system_error(error, "a socket on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
}

LoopbackSocket::~LoopbackSocket() { close(socket_); }

}  // namespace kexp::test
