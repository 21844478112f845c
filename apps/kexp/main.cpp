#include <iostream>
#include <unistd.h>

#include "kexp/core/output_stream.hpp"
#include "kexp/core/stop_signal.hpp"

#include "cli.hpp"

int main(int argc, char** argv) {
  const kexp::StopSignal signal;  // First: every later thread inherits its signal mask.
  kexp::SystemClock clock;
  const auto http = kexp::net::make_http_client();
  kexp::SystemProcessRunner processes;
  kexp::OutputStream out(STDOUT_FILENO);
  return kexp::cli::run(argc, argv, {out, std::cerr, clock, signal.token(), *http, processes});
}
