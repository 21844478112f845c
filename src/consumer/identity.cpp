#include "kexp/consumer/identity.hpp"

#include <array>
#include <cstdlib>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "kexp/core/ids.hpp"

namespace kexp::consumer {

namespace {

class Socket {
 public:
  explicit Socket(const addrinfo& address) : fd_(socket(address.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

/// The address that the kernel would send from. Connecting a datagram socket chooses it and sends nothing.
std::optional<std::string> address_towards(const addrinfo& broker) {
  const Socket socket(broker);
  sockaddr_storage own{};
  socklen_t size = sizeof(own);
  auto* own_address = reinterpret_cast<sockaddr*>(&own);
  if (socket.fd() < 0 || connect(socket.fd(), broker.ai_addr, broker.ai_addrlen) != 0 ||
      getsockname(socket.fd(), own_address, &size) != 0) {
    return std::nullopt;
  }
  std::array<char, NI_MAXHOST> text{};
  if (getnameinfo(own_address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return std::nullopt;
  }
  return std::string(text.data());
}

std::optional<std::string> address_towards(const std::string& server) {
  const std::size_t colon = server.rfind(':');
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  std::string host = server.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), server.c_str() + colon + 1, &hints, &found) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  return address_towards(*addresses);
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

Identity identify(const std::string& servers, const Environment& environment) {
  const std::string host = host_name();
  Identity identity;
  identity.pod = environment("POD_NAME").value_or(fmt::format("{}-{}", host, getpid()));
  identity.node = environment("NODE_NAME").value_or(host);
  if (auto address = environment("POD_IP")) {
    identity.source = *address;
  } else {
    identity.source = address_towards(servers.substr(0, servers.find(','))).value_or(host);
  }
  return identity;
}

}  // namespace kexp::consumer
