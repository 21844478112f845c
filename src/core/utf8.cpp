#include "kexp/core/utf8.hpp"

#include "kexp/core/json.hpp"

namespace kexp {

std::string valid_utf8(std::string_view text) {
  const std::string written = Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(written).get<std::string>();
}

}  // namespace kexp
