#include <system_error>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/module.hpp"
#include "kexp/dataset/frame_source.hpp"

#include "media_abi.hpp"

namespace kexp::dataset {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "kexp_media.so";

const MediaApi& load() {
  const auto file = media_module();
  if (!file) {
    throw UsageError(
        fmt::format("videos and images other than JPEG and PNG need {}, which this build has not: install "
                    "libopencv-dev (videoio, imgcodecs) and build again, or set KEXP_LIB_DIR",
                    kFile));
  }
  return load_module<MediaApi>(*file, kMediaEntry, kMediaAbiVersion);
}

const MediaApi& media() {
  static const MediaApi& api = load();
  return api;
}

class ModuleSource final : public FrameSource {
 public:
  using Open = decltype(MediaApi::open_video);

  ModuleSource(std::string name, Open MediaApi::*open)
      : name_(std::move(name)), source_(nullptr, media().close) {
    MediaError error{};
    source_.reset((media().*open)(name_.c_str(), &error));
    if (!source_) {
      throw FailedError(fmt::format("{}: {}", name_, error.text));
    }
  }

  bool next(image::Image& image) override {
    MediaPicture picture{};
    MediaError error{};
    switch (media().next(source_.get(), &picture, &error)) {
      case MediaNext::picture:
        image.width = picture.width;
        image.height = picture.height;
        image.bgr.assign(picture.bgr, picture.bgr + std::ptrdiff_t{3} * picture.width * picture.height);
        return true;
      case MediaNext::end:
        return false;
      case MediaNext::failed:
        break;
    }
    throw FailedError(fmt::format("{}: {}", name_, error.text));
  }

 private:
  std::string name_;
  std::unique_ptr<MediaSource, void (*)(MediaSource*)> source_;
};

}  // namespace

std::optional<fs::path> media_module() { return find_module(kFile); }

std::unique_ptr<FrameSource> open_video(const std::string& file_or_url) {
  std::error_code error;
  const bool is_url = file_or_url.find("://") != std::string::npos;
  if (!is_url && !fs::is_regular_file(file_or_url, error)) {
    throw UsageError(fmt::format("--video {}: no such file", file_or_url));
  }
  return std::make_unique<ModuleSource>(file_or_url, &MediaApi::open_video);
}

image::Image read_other_image(const fs::path& file) {
  image::Image image;
  if (!ModuleSource(file.string(), &MediaApi::open_image).next(image)) {
    throw FailedError(fmt::format("{}: it holds no picture", file.string()));
  }
  return image;
}

}  // namespace kexp::dataset
