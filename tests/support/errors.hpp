#pragma once

#include <exception>
#include <string>

#include <gtest/gtest.h>

namespace kexp::test {

/// The message of the E that `action` throws; a failed test, and an empty text, when it throws
/// nothing or something else.
///
///     EXPECT_THAT(message_of<UsageError>([] { validate(options); }), HasSubstr("--max-mbps"));
template <typename E, typename Action>
std::string message_of(Action&& action) {
  try {
    static_cast<void>(action());
  } catch (const E& e) {
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "threw another exception: " << e.what();
    return {};
  }
  ADD_FAILURE() << "threw nothing";
  return {};
}

}  // namespace kexp::test
