#include "confirm.hpp"

#include <iostream>
#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::cli {
namespace {

constexpr int kPollMs = 100;

/// Waits until a line, or the end, can be read. Errors: InterruptedError on stop.
void await_answer(const std::stop_token& stop) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (poll(&input, 1, kPollMs) <= 0) {  // Nothing yet, or it was interrupted.
    if (stop.stop_requested()) {
      throw InterruptedError("nothing was deleted");
    }
  }
}

}  // namespace

void confirm(const std::string& what_goes, bool yes, const std::stop_token& stop) {
  std::cerr << fmt::format("this deletes:\n{}", what_goes);
  if (yes) {
    return;
  }
  if (isatty(STDIN_FILENO) == 0) {
    throw UsageError("nothing was deleted: without a terminal to ask on, give --yes");
  }
  std::cerr << "delete? [y/N] " << std::flush;
  await_answer(stop);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "Y" && answer != "yes") {
    throw FailedError("nothing was deleted");
  }
}

}  // namespace kexp::cli
