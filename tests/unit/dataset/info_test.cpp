#include "kexp/dataset/info.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/json.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/image/image.hpp"

#include "odd_file.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using dataset::Dataset;
using dataset::DatasetInfo;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Bytes png(int width, int height) {
  return image::encode_png(
      {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height))});
}

TEST(DatasetInfoTest, DescribesTheImages) {
  const TempDir dir;
  const Bytes jpeg = image::encode_jpeg({16, 8, std::vector<std::uint8_t>(3 * 16 * 8)}, 90);
  OddFile(dir / "a.h5")
      .metadata(R"({"n_frames": 5})")
      .enabled("left", {1, 1, 0, 0, 0})
      .enabled("right", {0, 1, 1, 0, 0})
      .variable("left", {png(4, 3), Bytes(1000, 7)})
      .variable("right", {jpeg, png(4, 3)});

  const DatasetInfo info = dataset::inspect(dir / "a.h5", "dataset info");

  EXPECT_THAT(info.sensors, ElementsAre("left", "right"));
  EXPECT_EQ(info.frames, 5U);
  EXPECT_EQ(info.images, 4U);
  EXPECT_EQ(info.max_bytes, 1000U);
  EXPECT_EQ(info.min_bytes, png(4, 3).size());
  EXPECT_EQ(info.total_bytes, 1000 + jpeg.size() + 2 * png(4, 3).size());
  EXPECT_DOUBLE_EQ(info.mean_bytes, static_cast<double>(info.total_bytes) / 4);
  EXPECT_DOUBLE_EQ(info.median_bytes, static_cast<double>(png(4, 3).size() + jpeg.size()) / 2);
  EXPECT_DOUBLE_EQ(info.images_per_s_at_1_mbps, 4e6 / static_cast<double>(info.total_bytes));
  EXPECT_THAT(info.formats, ElementsAre(Pair("jpeg", 1), Pair("png", 2), Pair("unknown", 1)));
  EXPECT_THAT(info.sizes, ElementsAre(Pair("16x8", 1), Pair("4x3", 2), Pair("unreadable", 1)));
  EXPECT_EQ(info.hash, Dataset::read(dir / "a.h5").hash());
}

TEST(DatasetInfoTest, MedianOfAnOddNumberIsTheMiddleOne) {
  const TempDir dir;
  OddFile(dir / "a.h5")
      .metadata(R"({"n_frames": 3})")
      .enabled("cam", {1, 1, 1})
      .variable("cam", {Bytes(30, 1), Bytes(10, 1), Bytes(11, 1)});

  EXPECT_EQ(dataset::inspect(dir / "a.h5", "dataset info").median_bytes, 11);
}

TEST(DatasetInfoTest, JsonAndTextTellTheSame) {
  const TempDir dir;
  write_small_dataset(dir / "a.h5");
  const DatasetInfo info = dataset::inspect(dir / "a.h5", "dataset info");

  const Json json = to_json(info);

  EXPECT_EQ(json.at("bytes").dump(), R"({"total":5,"min":2,"median":2.5,"mean":2.5,"max":3})");
  EXPECT_EQ(json.at("sensors").dump(), R"(["cam"])");
  EXPECT_EQ(json.at("hash"), info.hash);
  const std::string text = to_text(info);
  EXPECT_THAT(text, HasSubstr("images   2 in 2 frames\nsensors  1: cam\n"));
  EXPECT_THAT(text, HasSubstr("unknown 2"));
  EXPECT_THAT(text, HasSubstr("400000.00 images/s at 1 MB/s"));
  EXPECT_THAT(text, HasSubstr(info.hash));
}

}  // namespace
}  // namespace kexp::test
