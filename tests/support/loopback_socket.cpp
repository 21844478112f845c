#include "support/loopback_socket.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include <netinet/in.h>

namespace kexp::test {

LoopbackSocket::LoopbackSocket(Connections connections)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket_, any, size) != 0 || getsockname(socket_, any, &size) != 0 ||
      (connections == Connections::taken && listen(socket_, 8) != 0)) {
    const std::error_code error(errno, std::generic_category());
    close(socket_);
    throw std::system_error(error, "a socket on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
}

LoopbackSocket::~LoopbackSocket() { close(socket_); }

}  // namespace kexp::test
