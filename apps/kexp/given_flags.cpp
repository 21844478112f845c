#include "given_flags.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::cli {

void GivenFlags::note(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options([](const CLI::Option* o) { return o->count() > 0; })) {
    const auto& letters = option->get_snames();
    flags_.insert(letters.empty() ? option->get_name() : "-" + letters.front());
  }
}

void require_effect(const GivenFlags& given, const char* flag, bool has_effect, const std::string& because) {
  if (given.has(flag) && !has_effect) {
    throw UsageError(fmt::format("{} has no effect {}", flag, because));
  }
}

}  // namespace kexp::cli
