#include "kexp/dataset/export.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/image/image.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::dataset {
namespace {

Dataset make(const test::TempDir& dir) {
  image::Image picture{4, 2, std::vector<std::uint8_t>(24, 90)};
  Writer writer(dir / "set.hdf5", "camera");
  writer.add(image::encode_png(picture));
  writer.add(image::encode_jpeg(picture, 90));
  writer.add(std::vector<std::uint8_t>{1, 2, 3});
  writer.finish();
  return Dataset::read(dir / "set.hdf5");
}

TEST(ExportTest, FilesHoldTheBytesOfTheDataset) {
  const test::TempDir dir;
  const Dataset dataset = make(dir);

  EXPECT_EQ(export_images(dataset, dir / "out", 10), 3U);

  const std::vector<std::string> names = {"camera-000000.png", "camera-000001.jpg", "camera-000002.bin"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string text = read_file(dir / "out" / names[i]);
    EXPECT_THAT(std::vector<std::uint8_t>(text.begin(), text.end()),
                testing::ElementsAreArray(dataset.items()[i].bytes));
  }
}

TEST(ExportTest, StopsAtTheCountAndReplacesNothing) {
  const test::TempDir dir;
  const Dataset dataset = make(dir);

  EXPECT_EQ(export_images(dataset, dir / "out", 1), 1U);
  EXPECT_FALSE(std::filesystem::exists(dir / "out" / "camera-000001.jpg"));
  EXPECT_THAT(test::message_of<UsageError>([&] { return export_images(dataset, dir / "out", 1); }),
              testing::HasSubstr("--out"));
}

}  // namespace
}  // namespace kexp::dataset
