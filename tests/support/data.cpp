#include "support/data.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kexp/core/file.hpp"

namespace kexp::test {

std::filesystem::path data_file(std::string_view name) {
  return std::filesystem::path(KEXP_SOURCE_DIR) / "tests" / "data" / name;
}

std::optional<std::filesystem::path> test_data(std::string_view name) {
  const char* folder = std::getenv("KEXP_TEST_DATA");
  if (folder == nullptr || *folder == '\0') {
    return std::nullopt;
  }
  return std::filesystem::path(folder) / name;
}

std::string golden_difference(std::string_view wanted, std::string_view actual) {
  const auto next_line = [](std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
  };
  if (wanted == actual) {
    return {};
  }
  for (int number = 1; !wanted.empty() && !actual.empty(); ++number) {
    const std::string_view expected = next_line(wanted);
    const std::string_view got = next_line(actual);
    if (expected != got) {
      return fmt::format("line {}:\n  wanted {}\n  got    {}", number, expected, got);
    }
  }
  if (wanted.empty() && actual.empty()) {
    return "only the line break at the end differs";
  }
  return wanted.empty() ? fmt::format("more than wanted: {}", next_line(actual))
                        : fmt::format("less than wanted, missing: {}", next_line(wanted));
}

void expect_golden(std::string_view name, std::string_view actual) {
  const std::filesystem::path file = data_file("golden") / name;
  const char* update = std::getenv("KEXP_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") {
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, actual);
    return;
  }
  if (!std::filesystem::exists(file)) {
    ADD_FAILURE() << file.string() << " is not there; KEXP_UPDATE_GOLDEN=1 writes it";
    return;
  }
  const std::string difference = golden_difference(read_file(file), actual);
  if (!difference.empty()) {
    ADD_FAILURE() << file.string() << " differs, " << difference
                  << "\nKEXP_UPDATE_GOLDEN=1 rewrites it, if that is what is wanted";
  }
}

}  // namespace kexp::test
