#include "kexp/kafka/options.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::kafka {

std::pair<std::string, std::string> parse_property(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    // Only what may be a name: the rest may be a secret, as in "sasl.password:…".
    constexpr const char* kOfNames = "abcdefghijklmnopqrstuvwxyz0123456789._";
    const std::size_t name = std::min(text.find_first_not_of(kOfNames), text.size());
    throw UsageError(fmt::format("-X must be name=value, got \"{}{}\"", text.substr(0, name),
                                 name < text.size() ? "…" : ""));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::string shown_value(const std::string& name, const std::string& value) {
  constexpr std::array kSecrets = {"password", "secret", "key", "jaas", "token", "oauthbearer.config"};
  const bool is_secret = std::any_of(kSecrets.begin(), kSecrets.end(), [&](const char* secret) {
    return name.find(secret) != std::string::npos;
  });
  return is_secret ? "***" : value;
}

}  // namespace kexp::kafka
