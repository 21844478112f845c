#include "commands/extract_subcommands.hpp"

#include <memory>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/error.hpp"

#include "extract_energy.hpp"
#include "extract_patterns.hpp"
#include "extract_wide.hpp"
#include "given_flags.hpp"

namespace kexp::cli {

CommandRun with_extract_subcommands(CLI::App& command, CommandRun extract) {
  command.require_subcommand(0, 1);
  auto tools = std::make_shared<std::vector<std::pair<CLI::App*, CommandRun>>>();
  const auto add = [&](const char* name, const char* help, AddCommand add_tool) {
    CLI::App* app = command.add_subcommand(name, help);
    tools->emplace_back(app, add_tool(*app));
  };
  add("energy", "Joules by node, pod and image of a dataset", add_extract_energy);
  add("patterns", "What moved with the load of a run, and how much later", add_extract_patterns);
  add("wide", "A dataset as one table with a column a series", add_extract_wide);
  command.callback([&command] {
    GivenFlags given;
    given.note(command);
    for (const CLI::App* tool : command.get_subcommands()) {
      if (!given.all().empty()) {
        throw UsageError(fmt::format("{} is a flag of extract, not of extract {}", *given.all().begin(),
                                     tool->get_name()));
      }
    }
  });
  return [tools, extract = std::move(extract)](Context& context) {
    for (const auto& [app, run] : *tools) {
      if (app->parsed()) {
        return run(context);
      }
    }
    return extract(context);
  };
}

}  // namespace kexp::cli
