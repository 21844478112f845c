#pragma once

/// Making a dataset out of a folder of images, a video or a camera's stream.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "kexp/core/clock.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/core/units.hpp"
#include "kexp/image/image.hpp"

namespace kexp::dataset {

struct MakeOptions {
  std::filesystem::path out;
  std::filesystem::path images;  ///< A folder; its files are taken in name order, folders in it are not.
  std::string video;             ///< Instead of `images`: a file, or a stream's URL.
  std::optional<Size2> resize;   ///< Exactly to this size; without it pictures keep theirs.
  std::uint64_t every = 1;       ///< Take every n-th picture, from the first,
  std::optional<std::uint64_t> count;  ///< and of those at most so many.
  std::optional<image::Format>
      encode;                  ///< JPEG or PNG; without it images keep theirs, all else becomes JPEG.
  std::optional<int> quality;  ///< Of JPEG, 1 to 100.
  bool force = false;          ///< Replace `out`.

  static constexpr int kDefaultQuality = 90;
};

struct MakeResult {
  std::uint64_t images = 0;
  std::uint64_t bytes = 0;
};

/// Errors: UsageError naming the flag. Looks at no file.
void validate(const MakeOptions& options);

/// Writes the dataset in one step when all images are there; otherwise leaves nothing behind.
///
/// The bytes of a JPEG or PNG file are kept exactly where neither `resize` nor `encode` is given; every image
/// is decoded all the same, so that a dataset holds no broken one.
/// Requires: `validate(options)` passed.
/// Errors: UsageError naming the flag (a folder that is missing, an output that exists); FailedError naming
/// the image that is broken or the file that cannot be written; InterruptedError on stop.
MakeResult make_dataset(const MakeOptions& options, Clock& clock, Progress& progress, std::stop_token stop);

}  // namespace kexp::dataset
