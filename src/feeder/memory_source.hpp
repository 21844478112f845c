#pragma once

#include <memory>

#include "kexp/cycle/plan.hpp"
#include "kexp/dataset/dataset.hpp"

#include "image_source.hpp"

namespace kexp::feeder {

/// The images of a dataset that is in memory as a whole; both outlive the source.
[[nodiscard]] std::unique_ptr<ImageSource> make_memory_source(const cycle::Plan& plan,
                                                              const dataset::Dataset& dataset);

}  // namespace kexp::feeder
