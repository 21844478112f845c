#include "warm_up.hpp"

#include <cstddef>

namespace kexp::consumer {

image::Image warm_up_picture() {
  image::Image picture{640, 480, {}};
  picture.bgr.assign(static_cast<std::size_t>(3 * picture.width * picture.height), 128);
  return picture;
}

}  // namespace kexp::consumer
