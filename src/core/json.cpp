#include "kexp/core/json.hpp"

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace kexp {

namespace {

// "[json.exception.parse_error.101] parse error at line 1, …" without the bracket.
std::string_view without_id(std::string_view message) {
  const std::size_t end = message.find("] ");
  return message.starts_with('[') && end != std::string_view::npos ? message.substr(end + 2) : message;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::exception& e) {
    throw FailedError(fmt::format("{}: {}", what, without_id(e.what())));
  }
}

Json read_json(const std::filesystem::path& file) { return parse_json(read_file(file), file.string()); }

void write_json(const std::filesystem::path& file, const Json& value) {
  // A text that is not UTF-8 (a file name) is mended rather than losing the whole file.
  write_file_atomically(
      file, fmt::format("{}\n", value.dump(2, ' ', false, nlohmann::detail::error_handler_t::replace)));
}

}  // namespace kexp
