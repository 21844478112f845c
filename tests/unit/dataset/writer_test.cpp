#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/random.hpp"
#include "kexp/dataset/dataset.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using dataset::Dataset;
using dataset::Writer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using Bytes = std::vector<std::uint8_t>;

// Of all sizes from 1 byte, so that some share one of HDF5's heaps and some exceed one.
std::vector<Bytes> random_images(std::size_t count) {
  SplitMix64 random(5);
  std::vector<Bytes> images;
  for (std::size_t i = 0; i < count; ++i) {
    Bytes& image = images.emplace_back(1 + random.below(std::uint64_t{1} << (i % 18)));
    for (std::uint8_t& byte : image) {
      byte = static_cast<std::uint8_t>(random.next());
    }
  }
  return images;
}

void write(const std::filesystem::path& path, const std::vector<Bytes>& images) {
  Writer writer(path, "camera");
  for (const Bytes& image : images) {
    writer.add(image);
  }
  EXPECT_EQ(writer.count(), images.size());
  writer.finish();
}

std::size_t entries_in(const std::filesystem::path& dir) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir), {}));
}

TEST(DatasetWriterTest, WhatIsWrittenIsRead) {
  const TempDir dir;
  const auto images = random_images(2500);  // More than one chunk of references.
  write(dir / "a.h5", images);

  const Dataset dataset = Dataset::read(dir / "a.h5");

  EXPECT_THAT(dataset.sensors(), ElementsAre("camera"));
  EXPECT_EQ(dataset.frames(), images.size());
  ASSERT_EQ(dataset.items().size(), images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto bytes = dataset.items()[i].bytes;
    ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), images[i].begin(), images[i].end())) << i;
    EXPECT_EQ(dataset.items()[i].frame, i);
  }
}

TEST(DatasetWriterTest, TheSameImagesMakeTheSameFile) {
  const TempDir dir;
  const auto images = random_images(100);
  write(dir / "a.h5", images);
  write(dir / "b.h5", images);

  EXPECT_EQ(read_file(dir / "a.h5"), read_file(dir / "b.h5"));
}

TEST(DatasetWriterTest, TheFileIsNotMuchLargerThanItsImages) {
  const TempDir dir;
  write(dir / "a.h5", std::vector<Bytes>(100, Bytes(50'000, 7)));

  EXPECT_LT(std::filesystem::file_size(dir / "a.h5"), 100 * 51'000U);
}

TEST(DatasetWriterTest, NothingIsLeftBehindWithoutFinish) {
  const TempDir dir;
  {
    Writer writer(dir / "a.h5", "camera");
    writer.add(Bytes{1, 2, 3});
  }

  EXPECT_EQ(entries_in(dir.path()), 0U);
}

TEST(DatasetWriterTest, RefusesAnEmptyImage) {
  const TempDir dir;
  Writer writer(dir / "a.h5", "camera");
  writer.add(Bytes{1});

  EXPECT_THAT(message_of<FailedError>([&] { writer.add({}); }), HasSubstr("image 1 is empty"));
}

TEST(DatasetWriterTest, RefusesToFinishWithoutImages) {
  const TempDir dir;
  Writer writer(dir / "a.h5", "camera");

  EXPECT_THAT(message_of<FailedError>([&] { writer.finish(); }), HasSubstr("no image"));
  EXPECT_EQ(entries_in(dir.path()), 0U);
}

TEST(DatasetWriterTest, NamesTheFileThatCannotBeWritten) {
  const TempDir dir;
  Writer writer(dir / "missing" / "a.h5", "camera");
  writer.add(Bytes{1});

  EXPECT_THAT(message_of<FailedError>([&] { writer.finish(); }),
              AllOf(HasSubstr("missing/a.h5"), HasSubstr("No such file")));
}

}  // namespace
}  // namespace kexp::test
