#include "commands/extract_energy.hpp"

#include <filesystem>
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>

#include "kexp/core/json.hpp"
#include "kexp/extractor/dataset.hpp"
#include "kexp/extractor/energy.hpp"

namespace kexp::cli {
namespace {

struct EnergyFlags {
  std::string path;
  std::string run;
  bool json = false;
};

ExitCode run_energy(const EnergyFlags& flags, Context& context) {
  const std::filesystem::path folder = extractor::dataset_of(flags.path);
  const bool is_run = folder != std::filesystem::path(flags.path);
  const extractor::Energy energy =
      extractor::measure_energy(folder, flags.run.empty() && is_run ? flags.path : flags.run);
  extractor::write_energy(energy, folder);
  if (flags.json) {
    context.out << extractor::to_json(energy).dump(2) << '\n';
  } else {
    context.out << extractor::to_table(energy);
  }
  return ExitCode::ok;
}

}  // namespace

CommandRun add_extract_energy(CLI::App& command) {
  auto flags = std::make_shared<EnergyFlags>();
  command.add_option("path", flags->path, "Run directory, or folder of a dataset")->required();
  command.add_option("--run", flags->run, "Run whose answers are the images; the one that was given");
  add_json(command, flags->json);
  return [flags](Context& context) { return run_energy(*flags, context); };
}

}  // namespace kexp::cli
