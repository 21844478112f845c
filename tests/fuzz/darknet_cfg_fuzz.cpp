// A Darknet cfg from anywhere, with weights that are all 0 and two labels.
//
// An input is the count of weights in a line of its own, and the cfg.

#include <charconv>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/inference/darknet.hpp"
#include "kexp/inference/detector.hpp"

#include "graph/prepare_graph.hpp"
#include "target.hpp"

namespace {

namespace inference = kexp::inference;

constexpr std::size_t kHeader = 20;
constexpr std::size_t kMostWeights = 100'000;

/// A file that is in memory only.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    kexp::fuzz::require(descriptor_ >= 0, "there are files in memory");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }

  void write(std::string_view content) const {
    const bool written = ftruncate(descriptor_, 0) == 0 && pwrite(descriptor_, content.data(), content.size(),
                                                                  0) == static_cast<ssize_t>(content.size());
    kexp::fuzz::require(written, "files in memory can be written");
  }
  [[nodiscard]] std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
  int descriptor_;
};

struct Files {
  MemoryFile cfg, weights, names;
};

/// The first line as a number, taken off; 0 when it is none.
std::size_t take_count(std::string_view& text) {
  std::size_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  const std::size_t end = text.find('\n');
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return std::min(count, kMostWeights);
}

void convert(const Files& files) {
  const inference::DarknetModel model =
      inference::convert_darknet({files.cfg.path(), files.weights.path(), files.names.path(), {}, ""});
  static_cast<void>(inference::prepare_graph("converted.onnx", model.onnx));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Files files;
  std::string_view text = kexp::fuzz::text_of(data, size);
  const std::size_t count = take_count(text);
  files.cfg.write(text);
  files.weights.write(std::string(kHeader + sizeof(float) * count, '\0'));
  files.names.write("person\ncar\n");
  try {
    convert(files);
  } catch (const inference::ModelError&) {
    return 0;  // names the line and what is wrong
  }
  return 0;
}
