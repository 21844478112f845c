#include "golden_boxes.hpp"

#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"

namespace kexp::test {

std::map<std::string, std::vector<GoldenBox>> golden_boxes() {
  std::map<std::string, std::vector<GoldenBox>> result;
  const Json golden = read_json(*test_data("data/golden-detections.json"));
  for (const auto& [image, sizes] : golden["yolov5n"].items()) {
    for (const Json& detection : sizes["square"]["detections"]) {
      const auto corners = detection["box_xyxy"].get<std::vector<double>>();
      result[image].push_back({detection["class_id"].get<int>(), detection["confidence"].get<double>(),
                               corners.at(0), corners.at(1), corners.at(2), corners.at(3)});
    }
  }
  return result;
}

std::vector<std::uint8_t> golden_image(const std::string& name) {
  const std::string content = read_file(*test_data("data/images") / name);
  return {content.begin(), content.end()};
}

}  // namespace kexp::test
