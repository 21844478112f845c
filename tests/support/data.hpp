#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace kexp::test {

/// A file or folder of tests/data in the source tree.
[[nodiscard]] std::filesystem::path data_file(std::string_view name);

/// `name` in the folder of large golden data, KEXP_TEST_DATA; nullopt when the variable is not set.
/// A test then says `GTEST_SKIP() << kNoTestData`.
[[nodiscard]] std::optional<std::filesystem::path> test_data(std::string_view name);
inline constexpr const char* kNoTestData = "KEXP_TEST_DATA is not set";

/// Expects `actual` to be what tests/data/golden/`name` holds, and points at the first line that
/// differs. KEXP_UPDATE_GOLDEN=1 rewrites the file instead: the diff is the review.
void expect_golden(std::string_view name, std::string_view actual);

/// What `expect_golden` would say: empty when they are equal.
[[nodiscard]] std::string golden_difference(std::string_view wanted, std::string_view actual);

}  // namespace kexp::test
