#include "commands/deploy.hpp"

#include <filesystem>
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/manifest/cluster_file.hpp"
#include "kexp/manifest/render.hpp"

namespace kexp::cli {
namespace {

constexpr const char* kStdout = "-";

struct InitFlags {
  std::string existing;
  std::string out;
  bool schema = false;
  bool force = false;
};

struct RenderFlags {
  std::string file;
  std::string out;
  bool force = false;
};

std::string initial_text(const InitFlags& flags) {
  if (!flags.schema) {
    return manifest::initial_cluster_file(flags.existing);
  }
  if (!flags.existing.empty()) {
    throw UsageError("--schema is the same for every cluster file: leave --existing out");
  }
  return manifest::cluster_file_schema();
}

ExitCode run_init(const InitFlags& flags, Context& context) {
  const std::string text = initial_text(flags);
  const std::string standard = flags.schema ? kStdout : "cluster.yaml";
  const std::string& out = flags.out.empty() ? standard : flags.out;
  if (out == kStdout) {
    context.out << text;
    return ExitCode::ok;
  }
  if (std::filesystem::exists(out) && !flags.force) {
    throw UsageError(fmt::format("--out {} exists already; --force replaces it", out));
  }
  write_file_atomically(out, text);
  context.out << out << '\n';
  if (!flags.schema) {
    context.out << fmt::format("next: edit {0}, then kexp deploy render {0} -o DIR\n", out);
  }
  return ExitCode::ok;
}

ExitCode run_render(const RenderFlags& flags, Context& context) {
  const manifest::LoadedClusterFile loaded = manifest::load_cluster_file(flags.file);
  for (const manifest::Problem& warning : loaded.warnings) {
    context.log.warn("{}", manifest::to_text(warning, flags.file));
  }
  const auto strange = flags.force ? manifest::Strange::replace : manifest::Strange::refuse;
  const manifest::WrittenFolder done = manifest::write_folder(loaded.cluster, flags.out, strange);
  for (const std::string& path : done.foreign) {
    context.log.warn("{} is not kexp's: kubectl apply -f takes it along with what is in its folder",
                     (std::filesystem::path(flags.out) / path).string());
  }
  context.out << fmt::format("{}: {} files written, {} unchanged, {} removed\n", flags.out, done.written,
                             done.unchanged, done.removed.size());
  for (const std::string& path : done.removed) {
    context.out << fmt::format("removed: {}\n", path);
  }
  context.out << fmt::format("next: {} says how to apply it, step by step\n",
                             (std::filesystem::path(flags.out) / "README.md").string());
  return ExitCode::ok;
}

void add_init_flags(CLI::App& init, InitFlags& flags) {
  init.add_option("--existing", flags.existing,
                  "For the cluster that is there under this kubectl context, instead of new machines");
  init.add_option("-o,--out", flags.out, "File to write, - for stdout (default: cluster.yaml)");
  init.add_flag("--schema", flags.schema, "Print the JSON Schema of cluster files instead, for editors");
  init.add_flag("--force", flags.force, "Replace the file where it exists");
}

void add_render_flags(CLI::App& render, RenderFlags& flags) {
  render.add_option("file", flags.file, "Cluster file")->required();
  render.add_option("-o,--out", flags.out, "Folder to bring to it")->required();
  render.add_flag("--force", flags.force, "Replace files there that were edited, or are not kexp's");
}

}  // namespace

CommandRun add_deploy(CLI::App& command) {
  auto init_flags = std::make_shared<InitFlags>();
  auto render_flags = std::make_shared<RenderFlags>();
  CLI::App* init = command.add_subcommand("init", "Write a commented cluster file to start from");
  add_init_flags(*init, *init_flags);
  CLI::App* render =
      command.add_subcommand("render", "Make a folder of a cluster file: scripts, settings and manifests");
  add_render_flags(*render, *render_flags);
  return [=](Context& context) {
    if (init->parsed()) {
      return run_init(*init_flags, context);
    }
    if (render->parsed()) {
      return run_render(*render_flags, context);
    }
    throw UsageError("deploy needs a command: init or render");
  };
}

}  // namespace kexp::cli
