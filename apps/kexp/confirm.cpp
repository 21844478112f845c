#include "confirm.hpp"

#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::cli {

void confirm(const std::string& what_goes, bool yes) {
  std::cerr << fmt::format("this deletes:\n{}", what_goes);
  if (yes) {
    return;
  }
  if (isatty(STDIN_FILENO) == 0) {
    throw UsageError("nothing was deleted: without a terminal to ask on, give --yes");
  }
  std::cerr << "delete? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "Y" && answer != "yes") {
    throw FailedError("nothing was deleted");
  }
}

}  // namespace kexp::cli
