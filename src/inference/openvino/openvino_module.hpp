#pragma once

#include <string>

#include "openvino/openvino_abi.hpp"

namespace kexp::inference {

/// kexp_openvino.so, loaded on first use. Errors: UsageError saying what is missing and how to get it.
[[nodiscard]] const OpenvinoApi& openvino_api();

/// OpenVINO's own words for a failure, on one line and without where in its source they stand.
[[nodiscard]] std::string plain_text(const OpenvinoError& error);

}  // namespace kexp::inference
