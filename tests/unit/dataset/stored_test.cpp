#include "kexp/dataset/stored.hpp"

#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "odd_file.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using dataset::Dataset;
using dataset::StoredDataset;
using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;

class StoredDatasetTest : public testing::Test {
 protected:
  OddFile file() const { return OddFile(path_); }
  OddFile& with_frames(OddFile&& file, std::size_t frames) const {
    return file.metadata("{\"n_frames\": " + std::to_string(frames) + "}");
  }
  /// Images of 1 byte to `largest`, all different, none ending with NUL.
  static std::vector<Bytes> some_images(std::size_t count, std::size_t largest) {
    std::vector<Bytes> images;
    for (std::size_t i = 0; i < count; ++i) {
      Bytes image(1 + (i * 7919) % largest);
      std::iota(image.begin(), image.end(), static_cast<std::uint8_t>(i));
      image.back() = static_cast<std::uint8_t>(1 + i % 255);
      images.push_back(std::move(image));
    }
    return images;
  }

  /// What `read` gives for images by their numbers, in one call.
  static std::vector<Bytes> read(StoredDataset& stored, const std::vector<std::uint64_t>& numbers) {
    std::vector<Bytes> images;
    std::vector<StoredDataset::Wanted> wanted;
    images.reserve(numbers.size());
    for (const std::uint64_t number : numbers) {
      wanted.push_back({number, images.emplace_back(stored.sizes()[number])});
    }
    stored.read(wanted);
    return images;
  }

  /// The stored dataset says and gives what the dataset in memory does.
  void expect_same_as_in_memory() const {
    const Dataset whole = Dataset::read(path_);
    StoredDataset stored = StoredDataset::open(path_);
    EXPECT_EQ(stored.hash(), whole.hash());
    EXPECT_EQ(stored.total_bytes(), whole.total_bytes());
    ASSERT_EQ(stored.sizes().size(), whole.items().size());
    std::vector<std::uint64_t> numbers(stored.sizes().size());
    std::iota(numbers.begin(), numbers.end(), 0);
    const std::vector<Bytes> images = read(stored, numbers);
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto bytes = whole.items()[i].bytes;
      ASSERT_EQ(images[i], Bytes(bytes.begin(), bytes.end())) << i;
    }
  }

  const TempDir dir_;
  const std::filesystem::path path_ = dir_ / "images.h5";
};

TEST_F(StoredDatasetTest, IsWhatIsReadIntoMemoryForEveryKindOfElement) {
  const std::vector<Bytes> images = some_images(50, 3000);
  const std::vector<std::int64_t> enabled(50, 1);

  with_frames(file(), 50).enabled("cam", enabled).variable("cam", images);
  expect_same_as_in_memory();
  with_frames(file(), 50).enabled("cam", enabled).variable("cam", images, H5T_NATIVE_INT8);
  expect_same_as_in_memory();
  with_frames(file(), 50).enabled("cam", enabled).opaque("cam", images, 3000);
  expect_same_as_in_memory();
  with_frames(file(), 50).enabled("cam", enabled).byte_strings("cam", images, 3001);
  expect_same_as_in_memory();
}

TEST_F(StoredDatasetTest, SensorsTakeTurnsFrameByFrame) {
  with_frames(file(), 4)
      .enabled("b", {1, 0, 1, 1})
      .enabled("a", {0, 1, 0, 7})
      .variable("b", {{10}, {12}, {13}})
      .opaque("a", {{1}, {3}}, 2);
  expect_same_as_in_memory();
}

// Images of 0.6 MB after small ones: what was thought to fit in one batch does not.
TEST_F(StoredDatasetTest, ImagesThatGrowAreReadInSmallerBatches) {
  std::vector<Bytes> images = some_images(300, 20);
  for (std::size_t i = 0; i < 60; ++i) {
    images.emplace_back(600'000, static_cast<std::uint8_t>(1 + i));
  }
  images.emplace_back(17'000'000, std::uint8_t{1});  // Larger than a batch.
  images.push_back({9});
  with_frames(file(), images.size())
      .enabled("cam", std::vector<std::int64_t>(images.size(), 1))
      .variable("cam", images);
  expect_same_as_in_memory();
}

TEST_F(StoredDatasetTest, AnyImagesInAnyOrderAndTwice) {
  const std::vector<Bytes> images = some_images(20, 500);
  with_frames(file(), 20).enabled("cam", std::vector<std::int64_t>(20, 1)).variable("cam", images);
  StoredDataset stored = StoredDataset::open(path_);

  EXPECT_THAT(
      read(stored, {7, 3, 4, 5, 19, 0, 3, 8}),
      ElementsAre(images[7], images[3], images[4], images[5], images[19], images[0], images[3], images[8]));
}

TEST_F(StoredDatasetTest, FitsIntoMemoryUpToTheBytesOfItsImages) {
  write_small_dataset(path_);  // 5 bytes.

  const auto fits = dataset::read_within(5, path_);
  const auto does_not = dataset::read_within(4, path_);

  ASSERT_TRUE(std::holds_alternative<Dataset>(fits));
  ASSERT_TRUE(std::holds_alternative<StoredDataset>(does_not));
  EXPECT_EQ(std::get<Dataset>(fits).items().size(), 2U);
  EXPECT_EQ(std::get<Dataset>(fits).hash(), std::get<StoredDataset>(does_not).hash());
}

TEST_F(StoredDatasetTest, OpeningChecksAsReadingDoes) {
  const auto same_error = [&] {
    const std::string of_open = message_of<UsageError>([this] { return StoredDataset::open(path_); });
    EXPECT_EQ(of_open, message_of<UsageError>([this] { return Dataset::read(path_); }));
    EXPECT_THAT(of_open, HasSubstr("--dataset " + path_.string()));
    return of_open;
  };
  EXPECT_THAT(same_error(), HasSubstr("No such file"));
  with_frames(file(), 4).enabled("cam", {1, 0, 1, 1}).variable("cam", {{1}, {2}});
  EXPECT_THAT(same_error(), HasSubstr("sensor cam, frame 3"));
  with_frames(file(), 3).enabled("cam", {0, 1, 1}).variable("cam", {{1}, {}});
  EXPECT_THAT(same_error(), HasSubstr("sensor cam, frame 2: the image is empty"));
  with_frames(file(), 1).enabled("cam", {1}).variable_strings("cam", {"\xff\xd8"});
  EXPECT_THAT(same_error(), HasSubstr("first NUL"));
}

// All images of a batch were blamed.
TEST_F(StoredDatasetTest, TheFrameThatCannotBeReadIsNamed) {
  const std::vector<Bytes> images(40, Bytes(5000, 7));
  with_frames(file(), 40).enabled("cam", std::vector<std::int64_t>(40, 1)).variable("cam", images);
  std::string content = read_file(path_);
  const std::size_t at = content.rfind("GCOL");
  ASSERT_NE(at, std::string::npos);
  content[at] = 'X';
  write_file_atomically(path_, content);

  EXPECT_THAT(message_of<UsageError>([this] { return Dataset::read(path_); }),
              AllOf(ContainsRegex("sensor cam, frame [1-9][0-9]*: "), HasSubstr("heap")));
}

TEST_F(StoredDatasetTest, AFileThatIsCutShortMeanwhileIsSaidSo) {
  const std::vector<Bytes> images = some_images(400, 90'000);
  for (const bool variable : {true, false}) {
    {
      OddFile odd = file();
      with_frames(std::move(odd), 400).enabled("cam", std::vector<std::int64_t>(400, 1));
      variable ? odd.variable("cam", images) : odd.opaque("cam", images, 90'000);
    }
    StoredDataset stored = StoredDataset::open(path_);
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);

    EXPECT_THAT(read(stored, {5}), ElementsAre(images[5]));
    EXPECT_THAT(message_of<FailedError>([&] {
                  return read(stored, {300, 301});
                }),
                AllOf(HasSubstr("--dataset " + path_.string()), ContainsRegex("sensor cam, frames? 30[01]")));
  }
}

TEST_F(StoredDatasetTest, AnImageThatHasBecomeAnotherIsRefused) {
  const Bytes first(100'000, 'a');
  const Bytes second(100'000, 'b');
  with_frames(file(), 2).enabled("cam", {1, 1}).opaque("cam", {first, second}, 100'000);
  StoredDataset stored = StoredDataset::open(path_);
  const auto at = static_cast<std::streamoff>(read_file(path_).find("bbbbb"));
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary).seekp(at + 54'321) << 'x';

  EXPECT_THAT(read(stored, {0}), ElementsAre(first));
  EXPECT_THAT(message_of<FailedError>([&] { return read(stored, {1}); }),
              HasSubstr("sensor cam, frame 1: the image is no longer what it was"));
}

TEST_F(StoredDatasetTest, AFileThatIsReplacedByAnotherNameGoesOn) {
  write_small_dataset(path_);
  StoredDataset stored = StoredDataset::open(path_);
  std::filesystem::remove(path_);

  EXPECT_THAT(read(stored, {0, 1}), ElementsAre(Bytes{1, 2, 3}, Bytes{4, 5}));
}

}  // namespace
}  // namespace kexp::test
