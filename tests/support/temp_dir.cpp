#include "support/temp_dir.hpp"

#include <cstdlib>
#include <string>
#include <system_error>

#include "kexp/core/file.hpp"

namespace kexp::test {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "kexp-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), name);
  }
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TempDir::write(std::string_view name, std::string_view content) const {
  std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  write_file_atomically(file, content);
  return file;
}

}  // namespace kexp::test
