#include "kexp/dataset/export.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/image/image.hpp"

#include "odd_file.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::dataset {
namespace {

std::filesystem::path make(const test::TempDir& dir) {
  image::Image picture{4, 2, std::vector<std::uint8_t>(24, 90)};
  Writer writer(dir / "set.hdf5", "camera");
  writer.add(image::encode_png(picture));
  writer.add(image::encode_jpeg(picture, 90));
  writer.add(std::vector<std::uint8_t>{1, 2, 3});
  writer.finish();
  return dir / "set.hdf5";
}

TEST(ExportTest, FilesHoldTheBytesOfTheDataset) {
  const test::TempDir dir;
  const std::filesystem::path file = make(dir);

  EXPECT_EQ(export_images(file, "dataset export", dir / "out", 10), 3U);

  const Dataset dataset = Dataset::read(file);
  const std::vector<std::string> names = {"camera-000000.png", "camera-000001.jpg", "camera-000002.bin"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string text = read_file(dir / "out" / names[i]);
    EXPECT_THAT(std::vector<std::uint8_t>(text.begin(), text.end()),
                testing::ElementsAreArray(dataset.items()[i].bytes));
  }
}

TEST(ExportTest, StopsAtTheCountAndReplacesNothing) {
  const test::TempDir dir;
  const std::filesystem::path file = make(dir);
  const auto first = [&] { return export_images(file, "dataset export", dir / "out", 1); };

  EXPECT_EQ(first(), 1U);
  EXPECT_FALSE(std::filesystem::exists(dir / "out" / "camera-000001.jpg"));
  EXPECT_THAT(test::message_of<UsageError>(first), testing::HasSubstr("--out"));
}

// The whole dataset was read into memory for it.
TEST(ExportTest, ReadsNoMoreThanItWrites) {
  const test::TempDir dir;
  test::OddFile(dir / "a.h5")
      .metadata(R"({"n_frames": 3})")
      .enabled("cam", {1, 1, 1})
      .variable("cam", {test::Bytes(3, 1), test::Bytes(3, 2), test::Bytes()});
  const auto export_some = [&](std::uint64_t count) {
    return export_images(dir / "a.h5", "dataset export", dir / "out", count);
  };

  EXPECT_EQ(export_some(1), 1U);
  std::filesystem::remove_all(dir / "out");
  EXPECT_THAT(test::message_of<UsageError>([&] { return export_some(3); }),
              testing::AllOf(testing::HasSubstr("dataset export"), testing::HasSubstr("frame 2")));
}

}  // namespace
}  // namespace kexp::dataset
