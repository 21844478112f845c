// Feeds a fuzz target the files of a folder, one after the other: its seeds, and what was once a finding.

#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <sys/resource.h>

#include "target.hpp"

namespace {

// No input is worth more: what is asked for beyond it ends in std::bad_alloc, and the test fails.
void limit_memory() {
#ifndef __SANITIZE_ADDRESS__  // it counts its shadow, which is terabytes
  const rlimit limit{1U << 30, 1U << 30};
  setrlimit(RLIMIT_DATA, &limit);
#endif
}

void feed(const std::filesystem::path& file) {
  std::cout << file.filename().string()
            << std::endl;  // before: whatever ends the process, its input is named
  std::ifstream stream(file, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(stream), {}};
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " FOLDER\n";
    return 2;
  }
  limit_memory();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    try {
      feed(entry.path());
    } catch (const std::exception& e) {
      std::cerr << entry.path().string() << ": " << e.what() << '\n';
      return 1;
    }
    ++files;
  }
  std::cout << files << " files\n";
  return files > 0 ? 0 : 1;
}
