#include "commands/extract_wide.hpp"

#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/units.hpp"
#include "kexp/extractor/dataset.hpp"

#include "duration.hpp"

namespace kexp::cli {
namespace {

struct WideCommandFlags {
  std::string path;
  WideFlags wide;
  bool replace = false;
};

void add_step(CLI::App& command, std::string& step) {
  command.add_option("--step", step, "Time between two rows of the wide table")->capture_default_str();
}

ExitCode run_wide(const WideCommandFlags& flags, Context& context) {
  extractor::WideOptions options = *wide_options(flags.wide, flags.replace);
  options.dataset = extractor::dataset_of(flags.path);
  const extractor::WideResult result = extractor::write_wide(options);
  context.out << fmt::format("table    {}\nrows     {}\ncolumns  {}\nsize     {}\n", options.file.string(),
                             result.rows, result.columns, format_bytes(static_cast<double>(result.bytes)));
  return ExitCode::ok;
}

}  // namespace

void add_wide_flags(CLI::App& command, WideFlags& flags) {
  command.add_option(
      "--wide", flags.file,
      "Also write one table with a column a series: CSV, or Parquet when it ends with .parquet");
  add_step(command, flags.step);
}

std::optional<extractor::WideOptions> wide_options(const WideFlags& flags, bool replace) {
  if (flags.file.empty()) {
    return std::nullopt;
  }
  using Existing = extractor::WideOptions::Existing;
  return extractor::WideOptions{
      {}, flags.file, parse_duration(flags.step, "--step"), replace ? Existing::replace : Existing::refuse};
}

CommandRun add_extract_wide(CLI::App& command) {
  auto flags = std::make_shared<WideCommandFlags>();
  command.add_option("path", flags->path, "Run directory, or folder of a dataset")->required();
  command.add_option("-o,--out", flags->wide.file, "The table: CSV, or Parquet when it ends with .parquet")
      ->required();
  add_step(command, flags->wide.step);
  command.add_flag("--force", flags->replace, "Replace the file where it exists");
  return [flags](Context& context) { return run_wide(*flags, context); };
}

}  // namespace kexp::cli
