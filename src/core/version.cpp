#include "kexp/core/version.hpp"

namespace kexp {

std::string_view version() { return KEXP_VERSION; }

}  // namespace kexp
