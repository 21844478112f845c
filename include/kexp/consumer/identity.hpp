#pragma once

#include <functional>
#include <optional>
#include <string>

namespace kexp::consumer {

/// Who processed an image, as its answer says.
struct Identity {
  std::string pod;     ///< POD_NAME, else the host's name and our process id.
  std::string node;    ///< NODE_NAME, else the host's name.
  std::string source;  ///< POD_IP, else our address towards the broker.
};

/// Reads a variable; nullopt when it is not set or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;
[[nodiscard]] std::optional<std::string> process_environment(const char* name);

/// From the Downward API's variables, or this machine. `servers`: "host:port,…"; nothing is sent there.
[[nodiscard]] Identity identify(const std::string& servers, const Environment& environment);

}  // namespace kexp::consumer
