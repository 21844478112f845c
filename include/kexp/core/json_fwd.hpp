#pragma once

#include <nlohmann/json_fwd.hpp>

namespace kexp {

/// JSON with its keys in the order of writing. Headers name it by this; what makes or reads values includes
/// json.hpp.
using Json = nlohmann::ordered_json;

}  // namespace kexp
