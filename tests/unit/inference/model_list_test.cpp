#include "kexp/inference/model_list.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "kexp/core/json.hpp"

#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using inference::list_models;
using inference::ListedModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names_of(const std::vector<ListedModel>& models) {
  std::vector<std::string> names;
  std::transform(models.begin(), models.end(), std::back_inserter(names),
                 [](const ListedModel& model) { return model.name; });
  return names;
}

TEST(ModelListTest, WithoutAFolderThereIsWhatCanBeFetched) {
  const TempDir dir;
  const std::vector<ListedModel> models = list_models(dir / "none");
  EXPECT_THAT(names_of(models), ElementsAre("yolov3-tiny", "yolov5n"));
  EXPECT_FALSE(models[0].present);
  EXPECT_EQ(models[0].file, dir / "none/yolov3-tiny.onnx");
}

TEST(ModelListTest, AFileThatCannotBeReadHidesNoOther) {
  const TempDir dir;
  std::ofstream(dir / "broken.onnx") << "no model";
  std::filesystem::create_symlink("/proc/self/mem", dir / "refused.onnx");  // Also for root.
  const std::vector<ListedModel> models = list_models(dir.path());
  ASSERT_THAT(names_of(models), ElementsAre("broken", "refused", "yolov3-tiny", "yolov5n"));
  EXPECT_EQ(models[0].source, "own file, cannot be read");
  EXPECT_EQ(models[0].bytes, 8U);
  EXPECT_EQ(models[1].source, "own file, cannot be read");
}

TEST(ModelListTest, TellsPeopleAndScripts) {
  const std::vector<ListedModel> models{
      {"a-long-name-of-a-model", "", "own file", {640, 480}, "m/a.onnx", true, 7'600'000},
      {"b", "AGPL-3.0", "somewhere", {}, "m/b.onnx", false, 0}};
  EXPECT_EQ(to_text(models),
            "name                    present       size  input      licence   source\n"
            "a-long-name-of-a-model  yes        7.60 MB  640x480    -         own file\n"
            "b                       no               -  -          AGPL-3.0  somewhere\n");
  EXPECT_EQ(to_json(models).at(0),
            Json::parse(R"({"name": "a-long-name-of-a-model", "file": "m/a.onnx", "present": true,
                            "bytes": 7600000, "input": [640, 480], "license": "", "source": "own file"})"));
}

}  // namespace
}  // namespace kexp::test
