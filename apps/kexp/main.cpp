#include <iostream>

#include "kexp/core/stop_signal.hpp"

#include "cli.hpp"

int main(int argc, char** argv) {
  const kexp::StopSignal signal;  // First: every later thread inherits its signal mask.
  kexp::SystemClock clock;
  const auto http = kexp::net::make_http_client();
  kexp::SystemProcessRunner processes;
  return kexp::cli::run(argc, argv, {std::cout, std::cerr, clock, signal.token(), *http, processes});
}
