#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kexp/core/sha256.hpp"

namespace kexp::dataset {

/// Makes Dataset::hash of the images in reading order.
class ImagesHash {
 public:
  void add(std::span<const std::uint8_t> image) {
    hash_.add_u64(image.size());
    hash_.add(image);
  }
  /// Ends this object's use.
  [[nodiscard]] std::string hex() { return hash_.hex(); }

 private:
  Sha256 hash_;
};

}  // namespace kexp::dataset
