#pragma once

#include <cstddef>
#include <span>

#include "kexp/prom/remote_read.hpp"

namespace kexp::prom {

/// A native histogram of an answer of samples (Histogram). It shares the layout of `before`, where that is
/// the same. Errors: BadAnswer.
[[nodiscard]] Histogram read_histogram(std::span<const std::byte> message, const Histogram* before);

}  // namespace kexp::prom
