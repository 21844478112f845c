#include "decoded_image.hpp"

#include <exception>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/kafka/options.hpp"

namespace kexp::consumer {

namespace {

void check_size(std::size_t bytes) {
  if (bytes == 0) {
    throw FailedError("the message is empty, an image was wanted");
  }
  if (bytes > static_cast<std::size_t>(kafka::kMaxImageBytes)) {
    throw FailedError(
        fmt::format("the message has {} bytes, an image at most {}", bytes, kafka::kMaxImageBytes));
  }
}

}  // namespace

void decode_message(const kafka::Message& message, const Clock& clock, const image::DecodeLimits& limits,
                    DecodedImage& into) {
  const SteadyTime start = clock.now();
  into.error.clear();
  try {
    check_size(message.value().size());
    image::decode_into(message.value(), into.image, limits);
  } catch (const std::exception& e) {  // Also one picture too large for the memory that is left.
    into.error = e.what();
  }
  into.took = clock.now() - start;
}

}  // namespace kexp::consumer
