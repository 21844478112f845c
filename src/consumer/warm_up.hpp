#pragma once

#include "kexp/image/image.hpp"

namespace kexp::consumer {

/// A grey picture in most cameras' form, in which a network is planned anew. Every detector of a consumer has
/// worked on one before its first image.
[[nodiscard]] image::Image warm_up_picture();

}  // namespace kexp::consumer
