#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace kexp::inference {

/// The numbers of a Darknet weights file, taken one after the other as the layers want them.
class DarknetWeights {
 public:
  /// Errors: ModelError when the file is not there or has no header.
  explicit DarknetWeights(const std::filesystem::path& file);

  /// The next `count`; `layer` names who wants them ("yolov3.cfg:12: "). Errors: ModelError, too short.
  [[nodiscard]] std::vector<float> take(std::size_t count, const std::string& layer);
  /// Errors: ModelError, too long.
  void expect_end() const;

 private:
  std::filesystem::path file_;
  std::string bytes_;
  std::size_t header_ = 0;
  std::size_t total_ = 0;  ///< Numbers in the file.
  std::size_t taken_ = 0;
};

}  // namespace kexp::inference
