#pragma once

#include <string>

#include "kexp/core/clock.hpp"
#include "kexp/image/image.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::consumer {

/// The picture in a message, or why there is none.
struct DecodedImage {
  image::Image image;
  std::string error;  ///< Empty: there is a picture.
  Nanoseconds took{};
};

/// Decodes the message's picture into `into`, whose memory is used again. Errors: none; what is wrong with it
/// is said there.
void decode_message(const kafka::Message& message, const Clock& clock, const image::DecodeLimits& limits,
                    DecodedImage& into);

}  // namespace kexp::consumer
