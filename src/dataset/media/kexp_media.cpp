// The module for videos and for images other than JPEG and PNG: OpenCV behind the functions of media_abi.hpp.
// No exception leaves it.

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>

#include "media_abi.hpp"

namespace kexp::dataset {

/// A video, or one image that is already there.
struct MediaSource {
  cv::VideoCapture video;
  cv::Mat next_image;
  cv::Mat picture;  // The last one handed out.
};

namespace {

void set_error(MediaError* error, std::string_view text) {
  const std::size_t length = std::min(text.size(), sizeof(error->text) - 1);
  std::memcpy(error->text, text.data(), length);
  error->text[length] = '\0';
}

template <typename Result, typename Action>
Result guarded(MediaError* error, Result failed, Action action) {
  try {
    return action();
  } catch (const cv::Exception& e) {
    set_error(error, e.err);
  } catch (const std::exception& e) {
    set_error(error, e.what());
  }
  return failed;
}

MediaSource* open_video(const char* file_or_url, MediaError* error) {
  return guarded<MediaSource*>(error, nullptr, [&]() -> MediaSource* {
    auto source = std::make_unique<MediaSource>();
    if (!source->video.open(file_or_url)) {
      set_error(error, "OpenCV cannot read it as a video");
      return nullptr;
    }
    return source.release();
  });
}

MediaSource* open_image(const char* file, MediaError* error) {
  return guarded<MediaSource*>(error, nullptr, [&]() -> MediaSource* {
    auto source = std::make_unique<MediaSource>();
    source->next_image = cv::imread(file, cv::IMREAD_COLOR);
    if (source->next_image.empty()) {
      set_error(error, "OpenCV cannot read it as an image");
      return nullptr;
    }
    return source.release();
  });
}

MediaNext next(MediaSource* source, MediaPicture* picture, MediaError* error) {
  return guarded(error, MediaNext::failed, [&] {
    if (source->video.isOpened()) {
      source->video.read(source->next_image);
    }
    if (source->next_image.empty()) {
      return MediaNext::end;
    }
    if (source->next_image.type() != CV_8UC3) {
      set_error(error, "its pictures are not 8-bit BGR");
      return MediaNext::failed;
    }
    source->picture = source->next_image.isContinuous() ? source->next_image : source->next_image.clone();
    source->next_image.release();
    *picture = {source->picture.data, source->picture.cols, source->picture.rows};
    return MediaNext::picture;
  });
}

void close(MediaSource* source) { delete source; }

}  // namespace
}  // namespace kexp::dataset

extern "C" __attribute__((visibility("default"))) const kexp::dataset::MediaApi* kexp_media() {
  using namespace kexp::dataset;
  static constexpr MediaApi api{kMediaAbiVersion, open_video, open_image, next, close};
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);  // Errors are handed over instead.
  return &api;
}
