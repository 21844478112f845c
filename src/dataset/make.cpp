#include "kexp/dataset/make.hpp"

#include <algorithm>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/dataset/frame_source.hpp"

namespace kexp::dataset {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kSensor = "camera";
constexpr int kLargestSide = 16384;  // What `image::decode` takes.
constexpr Nanoseconds kReportEvery = 1s;

void check_places(const MakeOptions& options) {
  std::error_code error;
  if (!options.images.empty() && !fs::is_directory(options.images, error)) {
    throw UsageError(fmt::format("--images {}: no such folder", options.images.string()));
  }
  if (fs::is_directory(options.out, error)) {
    throw UsageError(fmt::format("--out {}: is a directory", options.out.string()));
  }
  if (!options.force && fs::exists(options.out, error)) {
    throw UsageError(fmt::format("--out {} exists; --force replaces it", options.out.string()));
  }
}

// The default, datasets/mini.hdf5, lies in a folder that a fresh clone does not have.
void make_folder(const fs::path& out) {
  std::error_code error;
  if (const fs::path folder = out.parent_path(); !folder.empty()) {
    fs::create_directories(folder, error);
  }
  if (error) {
    throw UsageError(fmt::format("--out {}: cannot make its folder: {}", out.string(), error.message()));
  }
}

// In name order; hidden files are none of the user's images.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->is_regular_file() && entry->path().filename().string().front() != '.') {
      files.push_back(entry->path());
    }
  }
  if (error) {
    throw UsageError(fmt::format("--images {}: {}", folder.string(), error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The names that pass --every and --count.
std::vector<fs::path> taken(const std::vector<fs::path>& files, const MakeOptions& options) {
  std::vector<fs::path> result;
  for (std::size_t i = 0; i < files.size() && result.size() < options.count.value_or(files.size());
       i += options.every) {
    result.push_back(files[i]);
  }
  return result;
}

class Maker {
 public:
  Maker(const MakeOptions& options, Clock& clock, Progress& progress, std::stop_token stop)
      : options_(options),
        clock_(clock),
        progress_(progress),
        stop_(std::move(stop)),
        started_(clock.now()),
        reported_(started_),
        writer_(options.out, kSensor) {}

  MakeResult run() {
    if (options_.video.empty()) {
      from_images();
    } else {
      from_video();
    }
    writer_.finish();
    report("finished");
    return result_;
  }

 private:
  void from_images() {
    const std::vector<fs::path> files = taken(files_in(options_.images), options_);
    if (files.empty()) {
      throw UsageError(fmt::format("--images {}: there is no file in it", options_.images.string()));
    }
    total_ = files.size();
    report("started");
    for (const fs::path& file : files) {
      check_stop();
      add_file(file);
    }
  }

  void from_video() {
    const auto source = open_video(options_.video);
    total_ = options_.count;
    report("started");
    image::Image picture;
    for (std::uint64_t frame = 0; !is_complete() && next_frame(*source, picture); ++frame) {
      if (frame % options_.every == 0) {
        add_picture(picture, image::Format::jpeg);
      }
    }
    if (result_.images == 0) {
      throw FailedError(fmt::format("{}: the video has no frame that can be decoded", options_.video));
    }
  }

  [[nodiscard]] bool is_complete() const { return options_.count && result_.images >= *options_.count; }

  bool next_frame(FrameSource& source, image::Image& picture) {
    check_stop();
    return source.next(picture);
  }

  void check_stop() const {
    if (stop_.stop_requested()) {
      throw InterruptedError(fmt::format("interrupted after {} images; {} was not written", result_.images,
                                         options_.out.string()));
    }
  }

  void add_file(const fs::path& file) {
    const std::string content = read_file(file);
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
    const image::Format format = image::format_of(bytes);
    if (format == image::Format::unknown) {
      add_picture(read_other(file), image::Format::jpeg);
      return;
    }
    const image::Image picture = decode_file(bytes, file);
    if (options_.resize || options_.encode) {
      add_picture(picture, format);
    } else {
      add(bytes);
    }
  }

  // That a file is left out in silence would change the dataset with whatever lies in the folder.
  static image::Image read_other(const fs::path& file) {
    const auto explained = [&file](const Error& e) {
      return fmt::format(
          "--images: {} is no JPEG or PNG, and not to be read otherwise: {}; keep files that are "
          "no pictures elsewhere",
          file.string(), e.what());
    };
    try {
      return read_other_image(file);
    } catch (const UsageError& e) {  // the module is not there
      throw UsageError(explained(e));
    } catch (const FailedError& e) {
      throw FailedError(explained(e));
    }
  }

  static image::Image decode_file(std::span<const std::uint8_t> bytes, const fs::path& file) {
    try {
      return image::decode(bytes);
    } catch (const FailedError& e) {
      throw FailedError(fmt::format("{}: {}", file.string(), e.what()));
    }
  }

  void add_picture(const image::Image& picture, image::Format found) {
    if (options_.resize) {
      add(encode(image::resize(picture, options_.resize->width, options_.resize->height), found));
    } else {
      add(encode(picture, found));
    }
  }

  [[nodiscard]] std::vector<std::uint8_t> encode(const image::Image& picture, image::Format found) const {
    return options_.encode.value_or(found) == image::Format::png
               ? image::encode_png(picture)
               : image::encode_jpeg(picture, options_.quality.value_or(MakeOptions::kDefaultQuality));
  }

  void add(std::span<const std::uint8_t> encoded) {
    writer_.add(encoded);
    ++result_.images;
    result_.bytes += encoded.size();
    if (clock_.now() - reported_ >= kReportEvery) {
      reported_ = clock_.now();
      report("progress");
    }
  }

  void report(const char* event) const {
    const double elapsed_s = seconds(clock_.now() - started_);
    ProgressEvent made{"dataset", event, {}};
    made.fields = {{"images", static_cast<std::int64_t>(result_.images)},
                   {"bytes", static_cast<std::int64_t>(result_.bytes)},
                   {"elapsed_s", elapsed_s}};
    if (result_.images > 0 && elapsed_s > 0) {
      const double rate = static_cast<double>(result_.images) / elapsed_s;
      made.fields.emplace_back("images_per_s", rate);
      if (total_) {
        made.fields.emplace_back("eta_s", static_cast<double>(*total_ - result_.images) / rate);
      }
    }
    if (total_) {
      made.fields.emplace_back("total", static_cast<std::int64_t>(*total_));
    }
    progress_.report(made);
  }

  const MakeOptions& options_;
  Clock& clock_;
  Progress& progress_;
  std::stop_token stop_;
  SteadyTime started_;
  SteadyTime reported_;
  Writer writer_;
  MakeResult result_;
  std::optional<std::uint64_t> total_;  // Images there will be, where that is known; of a video, at most.
};

void check_quality(const MakeOptions& options) {
  if (!options.quality) {
    return;
  }
  if (*options.quality < 1 || *options.quality > 100) {
    throw UsageError(fmt::format("--quality must be 1 to 100, got {}", *options.quality));
  }
  if (options.encode == image::Format::png) {
    throw UsageError("--quality is of JPEG, and --encode is png: give one of them");
  }
}

}  // namespace

void validate(const MakeOptions& options) {
  if (options.out.empty()) {
    throw UsageError("--out must name the file to write");
  }
  if (options.images.empty() == options.video.empty()) {
    throw UsageError(options.video.empty() ? "one of --images and --video must be given"
                                           : "--images and --video both name a source: give one");
  }
  if (options.every == 0) {
    throw UsageError("--every must be at least 1, got 0");
  }
  if (options.count == std::uint64_t{0}) {
    throw UsageError("--count must be at least 1, got 0");
  }
  if (options.resize && std::max(options.resize->width, options.resize->height) > kLargestSide) {
    throw UsageError(fmt::format("--resize must be at most {}x{}, got {}x{}", kLargestSide, kLargestSide,
                                 options.resize->width, options.resize->height));
  }
  check_quality(options);
}

MakeResult make_dataset(const MakeOptions& options, Clock& clock, Progress& progress, std::stop_token stop) {
  check_places(options);
  make_folder(options.out);
  return Maker(options, clock, progress, std::move(stop)).run();
}

}  // namespace kexp::dataset
