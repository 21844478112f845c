#pragma once

#include <iosfwd>

#include "kexp/core/output_stream.hpp"

#include "context.hpp"

namespace kexp::cli {

/// What main builds and every command shares; the log and the progress are made from the command line.
struct Outside {
  OutputStream& out;
  std::ostream& err;
  Clock& clock;
  std::stop_token stop;
  net::HttpClient& http;
  ProcessRunner& processes;
};

/// Reads the command line, resolves settings, runs the command and maps errors to the exit code, each
/// printed once as "kexp: …", or as a JSON event beside `--progress json`. Never throws.
[[nodiscard]] int run(int argc, const char* const* argv, const Outside& outside) noexcept;

}  // namespace kexp::cli
