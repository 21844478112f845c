#pragma once

#include <iosfwd>
#include <stop_token>

#include "kexp/core/clock.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/process.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/net/http_client.hpp"

namespace kexp::cli {

/// Everything a command may touch outside its own options. Only commands see it; jobs get their own ports.
struct Context {
  std::ostream& out;  ///< Results: what a pipe or a file receives.
  Log& log;           ///< Diagnostics: stderr.
  Progress& progress;
  Clock& clock;
  std::stop_token stop;  ///< Requested by the first SIGINT or SIGTERM.
  kafka::ClientFactory& kafka;
  net::HttpClient& http;
  ProcessRunner& processes;
};

}  // namespace kexp::cli
