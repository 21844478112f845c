#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "matchers.hpp"

namespace kexp::prom {

/// What the server may answer with.
enum class ReadMode {
  chunks,  ///< A stream of chunks as they are stored, else samples.
  samples  ///< Samples decoded by the server, all in one message.
};

/// The body of a remote read request: series that fulfil all matchers, from `start_ms` to `end_ms`, both
/// included.
[[nodiscard]] std::string read_request(const std::vector<Matcher>& matchers, std::int64_t start_ms,
                                       std::int64_t end_ms, ReadMode mode);

/// How large `compressed` (a snappy block) is when it is unpacked. Errors: BadAnswer.
[[nodiscard]] std::size_t unpacked_size(std::string_view compressed);
/// Errors: BadAnswer.
[[nodiscard]] std::string unpack(std::string_view compressed);

}  // namespace kexp::prom
