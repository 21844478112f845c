#pragma once

// What the main binary and kexp_media.so agree on: C types and functions only, because the two may come from
// different builds. Change it, and raise kMediaAbiVersion.

#include <cstdint>

namespace kexp::dataset {

constexpr std::uint32_t kMediaAbiVersion = 1;
constexpr const char* kMediaEntry = "kexp_media";

/// 8-bit BGR without padding; valid until the next call on its source.
struct MediaPicture {
  const std::uint8_t* bgr;
  std::int32_t width;
  std::int32_t height;
};

/// Why a call failed, ended by a NUL.
struct MediaError {
  char text[512];
};

struct MediaSource;

enum class MediaNext : std::int32_t { picture, end, failed };

struct MediaApi {
  std::uint32_t version;
  /// Both give nullptr and fill `error` when they fail; a source is given back with `close`.
  MediaSource* (*open_video)(const char* file_or_url, MediaError* error);
  MediaSource* (*open_image)(const char* file, MediaError* error);
  MediaNext (*next)(MediaSource* source, MediaPicture* picture, MediaError* error);
  void (*close)(MediaSource* source);
};

}  // namespace kexp::dataset
