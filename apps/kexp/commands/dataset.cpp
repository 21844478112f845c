#include "commands/dataset.hpp"

#include <limits>
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/core/units.hpp"
#include "kexp/dataset/export.hpp"
#include "kexp/dataset/info.hpp"
#include "kexp/dataset/make.hpp"

namespace kexp::cli {
namespace {

struct MakeFlags {
  dataset::MakeOptions options;
  std::string out, images, resize, encode;
  std::uint64_t count = 0;
  int quality = dataset::MakeOptions::kDefaultQuality;
  CLI::Option* count_flag = nullptr;
  CLI::Option* quality_flag = nullptr;
};

struct InfoFlags {
  std::string file;
  bool json = false;
};

struct ExportFlags {
  std::string file;
  std::string out;
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
};

image::Format parse_format(const std::string& name) {
  if (name == "jpeg") {
    return image::Format::jpeg;
  }
  if (name == "png") {
    return image::Format::png;
  }
  throw UsageError(fmt::format("--encode must be jpeg or png, got \"{}\"", name));
}

dataset::MakeOptions options_of(const MakeFlags& flags) {
  dataset::MakeOptions options = flags.options;
  options.out = flags.out;
  options.images = flags.images;
  if (!flags.resize.empty()) {
    options.resize = parse_size(flags.resize, "--resize");
  }
  if (!flags.encode.empty()) {
    options.encode = parse_format(flags.encode);
  }
  if (flags.count_flag->count() > 0) {
    options.count = flags.count;
  }
  if (flags.quality_flag->count() > 0) {
    options.quality = flags.quality;
  }
  dataset::validate(options);
  return options;
}

ExitCode run_make(const MakeFlags& flags, Context& context) {
  const dataset::MakeOptions options = options_of(flags);
  const auto made = dataset::make_dataset(options, context.clock, context.progress, context.stop);
  context.out << fmt::format("{}: {} images, {}\n", flags.out, made.images,
                             format_bytes(static_cast<double>(made.bytes)));
  return ExitCode::ok;
}

ExitCode run_info(const InfoFlags& flags, Context& context) {
  const dataset::DatasetInfo info = dataset::inspect(flags.file, "dataset info");
  if (flags.json) {
    context.out << to_json(info).dump(2) << '\n';
  } else {
    context.out << to_text(info);
  }
  return ExitCode::ok;
}

ExitCode run_export(const ExportFlags& flags, Context& context) {
  const std::uint64_t images = dataset::export_images(flags.file, "dataset export", flags.out, flags.count);
  context.out << fmt::format("{}: {} images\n", flags.out, images);
  return ExitCode::ok;
}

void add_make_flags(CLI::App& make, MakeFlags& flags) {
  make.add_option("--out", flags.out, "File to write (HDF5)")->required();
  make.add_option("--images", flags.images,
                  "Folder of images, taken in name order; their bytes are kept unless resized or encoded");
  make.add_option("--video", flags.options.video, "Video file, or a camera's stream by its URL");
  make.add_option("--resize", flags.resize, "Size of every picture, WxH");
  make.add_option("--every", flags.options.every, "Take every n-th picture")->capture_default_str();
  flags.count_flag = make.add_option("--count", flags.count, "Take at most so many, after --every");
  make.add_option("--encode", flags.encode, "jpeg or png; without it files keep theirs, frames become jpeg");
  flags.quality_flag =
      make.add_option("--quality", flags.quality, "Of JPEG, 1 to 100")->capture_default_str();
  make.add_flag("--force", flags.options.force, "Replace the file where it exists");
}

}  // namespace

CommandRun add_dataset(CLI::App& command) {
  auto make_flags = std::make_shared<MakeFlags>();
  auto info_flags = std::make_shared<InfoFlags>();
  auto export_flags = std::make_shared<ExportFlags>();
  CLI::App* make = command.add_subcommand("make", "Make a dataset from a folder of images or a video");
  add_make_flags(*make, *make_flags);
  CLI::App* info = command.add_subcommand("info", "Say what a dataset holds");
  info->add_option("file", info_flags->file, "Dataset to read (HDF5)")->required();
  add_json(*info, info_flags->json);
  CLI::App* out = command.add_subcommand("export", "Write the images of a dataset as files");
  out->add_option("file", export_flags->file, "Dataset to read (HDF5)")->required();
  out->add_option("--out", export_flags->out, "Folder to write to")->required();
  out->add_option("--count", export_flags->count, "Only the first so many");
  return [=](Context& context) {
    if (make->parsed()) {
      return run_make(*make_flags, context);
    }
    if (info->parsed()) {
      return run_info(*info_flags, context);
    }
    if (out->parsed()) {
      return run_export(*export_flags, context);
    }
    throw UsageError("dataset needs a command: make, info or export");
  };
}

}  // namespace kexp::cli
