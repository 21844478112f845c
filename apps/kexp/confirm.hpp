#pragma once

#include <stop_token>
#include <string>

namespace kexp::cli {

/// Before what destroys: shows on stderr what goes, and asks on a terminal. `yes`: --yes was given, so
/// nothing is asked. Errors: UsageError naming --yes where there is no terminal; FailedError when the answer
/// is not yes; InterruptedError on stop.
void confirm(const std::string& what_goes, bool yes, const std::stop_token& stop);

}  // namespace kexp::cli
