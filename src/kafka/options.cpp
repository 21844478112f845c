#include "kexp/kafka/options.hpp"

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::kafka {

std::pair<std::string, std::string> parse_property(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError(fmt::format("-X must be name=value, got \"{}\"", text));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace kexp::kafka
