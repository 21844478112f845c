#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/dataset/dataset.hpp"

#include "odd_file.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using dataset::Dataset;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class DatasetReadTest : public testing::Test {
 protected:
  OddFile file() const { return OddFile(path_); }
  OddFile& with_frames(OddFile&& file, int frames) const {
    return file.metadata("{\"n_frames\": " + std::to_string(frames) + "}");
  }

  static std::vector<Bytes> images_of(const Dataset& dataset) {
    std::vector<Bytes> images;
    for (const Dataset::Item& item : dataset.items()) {
      images.emplace_back(item.bytes.begin(), item.bytes.end());
    }
    return images;
  }

  std::string failure() const {
    return message_of<UsageError>([this] { return Dataset::read(path_); });
  }

  const TempDir dir_;
  const std::filesystem::path path_ = dir_ / "images.h5";
};

TEST_F(DatasetReadTest, ReadsFrameByFrameSensorsInNameOrder) {
  with_frames(file(), 4)
      .enabled("b", {1, 0, 1, 1})
      .enabled("a", {0, 1, 0, 7})
      .variable("b", {{10}, {12}, {13}})
      .variable("a", {{1}, {3}});

  const Dataset dataset = Dataset::read(path_);

  EXPECT_THAT(dataset.sensors(), ElementsAre("a", "b"));
  EXPECT_EQ(dataset.frames(), 4U);
  EXPECT_THAT(images_of(dataset), ElementsAre(Bytes{10}, Bytes{1}, Bytes{12}, Bytes{3}, Bytes{13}));
  std::vector<std::pair<std::uint64_t, std::uint32_t>> places;
  for (const auto& item : dataset.items()) {
    places.emplace_back(item.frame, item.sensor);
  }
  EXPECT_THAT(places, ElementsAre(std::pair(0, 1), std::pair(1, 0), std::pair(2, 1), std::pair(3, 0),
                                  std::pair(3, 1)));
  EXPECT_EQ(dataset.total_bytes(), 5U);
}

TEST_F(DatasetReadTest, KeepsNulBytesOfVariableLengthImages) {
  with_frames(file(), 2).enabled("cam", {1, 1}).variable("cam", {{0, 0, 1, 0}, {0}});

  EXPECT_THAT(images_of(Dataset::read(path_)), ElementsAre(Bytes{0, 0, 1, 0}, Bytes{0}));
}

TEST_F(DatasetReadTest, ReadsSignedBytesUnchanged) {
  with_frames(file(), 1).enabled("cam", {1}).variable("cam", {{0xff, 0xd8, 0x7f}}, H5T_NATIVE_INT8);

  EXPECT_THAT(images_of(Dataset::read(path_)), ElementsAre(Bytes{0xff, 0xd8, 0x7f}));
}

TEST_F(DatasetReadTest, RemovesThePaddingOfOpaqueElements) {
  with_frames(file(), 3)
      .enabled("cam", {1, 1, 1})
      .opaque("cam", {{0xff, 0, 0xd9}, {0xff, 0xd9}, {1, 2, 3, 4, 5}}, 5);

  EXPECT_THAT(images_of(Dataset::read(path_)),
              ElementsAre(Bytes{0xff, 0, 0xd9}, Bytes{0xff, 0xd9}, Bytes{1, 2, 3, 4, 5}));
}

TEST_F(DatasetReadTest, RemovesThePaddingOfByteStrings) {
  with_frames(file(), 2).enabled("cam", {1, 1}).byte_strings("cam", {{0xff, 0, 0xd9}, {7}}, 9);

  EXPECT_THAT(images_of(Dataset::read(path_)), ElementsAre(Bytes{0xff, 0, 0xd9}, Bytes{7}));
}

TEST_F(DatasetReadTest, ReadsPaddedElementsInSeveralBatches) {
  // 5 MB an element: batches of three.
  std::vector<Bytes> images;
  for (std::uint8_t i = 1; i <= 7; ++i) {
    images.push_back({i, 0, i});
  }
  with_frames(file(), 7).enabled("cam", std::vector<std::int64_t>(7, 1)).opaque("cam", images, 5'000'000);

  EXPECT_EQ(images_of(Dataset::read(path_)), images);
}

TEST_F(DatasetReadTest, ReadsBooleansAndAVariableLengthMetadataString) {
  file()
      .metadata(R"({"n_frames": 3, "place": "Espoo"})", OddFile::Text::variable)
      .enabled_as_boolean("cam", {1, 0, 1})
      .variable("cam", {{1}, {2}});

  const Dataset dataset = Dataset::read(path_);

  EXPECT_EQ(dataset.items().at(1).frame, 2U);
}

TEST_F(DatasetReadTest, ASensorThatIsNeverEnabledNeedsNoImages) {
  with_frames(file(), 2).enabled("cam", {1, 0}).enabled("off", {0, 0}).variable("cam", {{1}});

  EXPECT_THAT(Dataset::read(path_).sensors(), ElementsAre("cam"));
}

TEST_F(DatasetReadTest, ImagesStayInPlaceWhenTheDatasetIsMoved) {
  write_small_dataset(path_);
  Dataset first = Dataset::read(path_);
  const std::uint8_t* before = first.items()[0].bytes.data();

  const Dataset second = std::move(first);

  EXPECT_EQ(second.items()[0].bytes.data(), before);
  EXPECT_THAT(images_of(second), ElementsAre(Bytes{1, 2, 3}, Bytes{4, 5}));
}

TEST_F(DatasetReadTest, HashIsOverLengthsAndBytesInReadingOrder) {
  write_small_dataset(path_);

  // python3: hashlib.sha256(struct.pack('<Q', 3) + bytes([1, 2, 3]) + struct.pack('<Q', 2) + bytes([4, 5]))
  EXPECT_EQ(Dataset::read(path_).hash(), "72280a40476de913f692d1180d31fa2d1584f99cda45c5d028982a811ff66408");
}

TEST_F(DatasetReadTest, AMissingFileIsAUsageErrorThatNamesTheFlag) {
  EXPECT_THAT(message_of<UsageError>([this] { return Dataset::read(path_); }),
              AllOf(HasSubstr("--dataset"), HasSubstr(path_.string()), HasSubstr("No such file")));
}

TEST_F(DatasetReadTest, WhatIsNoHdf5IsAUsageError) {
  dir_.write("images.h5", "\xff\xd8 one image, not a dataset");

  EXPECT_THAT(message_of<UsageError>([this] { return Dataset::read(path_, "F.h5"); }),
              AllOf(HasSubstr("F.h5"), HasSubstr("no HDF5 file")));
  EXPECT_THAT(message_of<UsageError>([this] { return Dataset::read(dir_.path()); }),
              HasSubstr("is a directory"));
}

TEST_F(DatasetReadTest, ATruncatedFileIsSaidToBeCutShort) {
  write_small_dataset(path_);
  const std::string whole = read_file(path_);
  for (const std::size_t size : {std::size_t{40}, std::size_t{200}, whole.size() / 2, whole.size() - 1}) {
    SCOPED_TRACE(size);
    write_file_atomically(path_, std::string_view(whole).substr(0, size));

    EXPECT_THAT(failure(), AllOf(HasSubstr(path_.string()), HasSubstr("cut short")));
  }
}

TEST_F(DatasetReadTest, AFileWhoseEndIsZeroNamesTheSensor) {
  // What a copy leaves that had reserved its space and was interrupted.
  write_small_dataset(path_);
  std::string content = read_file(path_);
  content.replace(content.find("GCOL"), std::string::npos, content.size() - content.find("GCOL"), '\0');
  write_file_atomically(path_, content);

  EXPECT_THAT(failure(), AllOf(HasSubstr("sensor cam"), HasSubstr("heap")));
}

// HDF5 went round in a circle for ever: the second half of what holds the images was zeros.
TEST_F(DatasetReadTest, AFileWhoseEndIsZeroFromAmongTheImagesOnNamesTheSensor) {
  with_frames(file(), 2).enabled("cam", {1, 1}).variable("cam", {Bytes(9'000, 7), Bytes(9'000, 8)});
  std::string content = read_file(path_);
  const std::size_t last_image = content.rfind("GCOL");
  std::fill(content.begin() + static_cast<std::ptrdiff_t>(last_image + 5'000), content.end(), '\0');
  write_file_atomically(path_, content);

  EXPECT_THAT(failure(), AllOf(HasSubstr("sensor cam, frame "), HasSubstr("damaged heap")));
}

TEST_F(DatasetReadTest, AnHdf5OfAnotherKindIsNoImageDataset) {
  file().group("/weather");
  EXPECT_THAT(failure(), AllOf(HasSubstr("no image dataset"), HasSubstr("/metadata")));

  with_frames(file(), 1).group("/sensors");
  EXPECT_THAT(failure(), AllOf(HasSubstr("no image dataset"), HasSubstr("/is_enabled")));

  with_frames(file(), 1).enabled("cam", {1});
  EXPECT_THAT(failure(), AllOf(HasSubstr("no image dataset"), HasSubstr("/sensors")));
}

TEST_F(DatasetReadTest, NamesTheFrameWhoseImageIsMissing) {
  with_frames(file(), 4).enabled("cam", {1, 0, 1, 1}).variable("cam", {{1}, {2}});

  EXPECT_THAT(failure(), AllOf(HasSubstr("sensor cam, frame 3"), HasSubstr("3 enabled, 2 stored")));
}

TEST_F(DatasetReadTest, RefusesMoreImagesThanEnabledFrames) {
  with_frames(file(), 2).enabled("cam", {1, 0}).variable("cam", {{1}, {2}});

  EXPECT_THAT(failure(),
              AllOf(HasSubstr("sensor cam"), HasSubstr("2 images stored, but only 1 frames enabled")));
}

TEST_F(DatasetReadTest, NamesTheFrameOfAnEmptyImage) {
  with_frames(file(), 3).enabled("cam", {0, 1, 1}).variable("cam", {{1}, {}});
  EXPECT_THAT(failure(), HasSubstr("sensor cam, frame 2: the image is empty"));

  with_frames(file(), 3).enabled("cam", {0, 1, 1}).opaque("cam", {{0}, {1}}, 3);
  EXPECT_THAT(failure(), HasSubstr("sensor cam, frame 1: the image is empty"));
}

TEST_F(DatasetReadTest, RefusesAnotherNumberOfFramesThanTheMetadataSay) {
  with_frames(file(), 3).enabled("cam", {1, 1}).variable("cam", {{1}, {2}});

  EXPECT_THAT(failure(), AllOf(HasSubstr("sensor cam"), HasSubstr("2 entries"), HasSubstr("n_frames 3")));
}

TEST_F(DatasetReadTest, ASensorNeedsBothItsGroups) {
  with_frames(file(), 2).enabled("cam", {1, 0}).enabled("lost", {0, 1}).variable("cam", {{1}});
  EXPECT_THAT(failure(), AllOf(HasSubstr("sensor lost is enabled in frame 1"), HasSubstr("/sensors/lost")));

  with_frames(file(), 2).enabled("cam", {1, 0}).variable("cam", {{1}}).variable("new", {{1}});
  EXPECT_THAT(failure(), AllOf(HasSubstr("sensor new"), HasSubstr("/is_enabled/new")));
}

TEST_F(DatasetReadTest, RefusesMetadataWithoutAWholeNumberOfFrames) {
  for (const char* json :
       {"{}", "[3]", R"({"n_frames": "2"})", R"({"n_frames": -2})", R"({"n_frames": 1.5})"}) {
    file().metadata(json).enabled("cam", {1}).variable("cam", {{1}});
    EXPECT_THAT(failure(), AllOf(HasSubstr("/metadata"), HasSubstr("n_frames"))) << json;
  }
  file().metadata("{n_frames").enabled("cam", {1}).variable("cam", {{1}});
  EXPECT_THAT(failure(), AllOf(HasSubstr(path_.string()), HasSubstr("/metadata")));
}

TEST_F(DatasetReadTest, RefusesElementsThatAreNoImages) {
  with_frames(file(), 1).enabled("cam", {1}).numbers("cam", {3.5});
  EXPECT_THAT(failure(), AllOf(HasSubstr("/sensors/cam"), HasSubstr("variable-length uint8")));

  with_frames(file(), 1).enabled("cam", {1}).variable_strings("cam", {"\xff\xd8"});
  EXPECT_THAT(failure(), AllOf(HasSubstr("/sensors/cam"), HasSubstr("first NUL")));
}

TEST_F(DatasetReadTest, ADatasetWithoutImagesIsAnError) {
  with_frames(file(), 2).enabled("cam", {0, 0}).variable("cam", {});

  EXPECT_THAT(failure(), HasSubstr("holds no image"));
}

TEST_F(DatasetReadTest, SaysHowToRewriteWhatANewerHdf5Wrote) {
  // The newest HDF5 writes booleans as a datatype message of version 4 or 5, which 1.10 to 1.14 refuse. Such
  // a message is made here from one of version 1: class 8 (enum), first byte 0x18.
  with_frames(file(), 1).enabled_as_boolean("cam", {1}).variable("cam", {{1}});
  std::string content = read_file(path_);
  const std::string enum_of_two_names("\x18\x02\x00\x00\x01\x00\x00\x00", 8);
  const std::size_t at = content.find(enum_of_two_names);
  ASSERT_NE(at, std::string::npos);
  content[at] = static_cast<char>(0xF8);  // Version 15.
  write_file_atomically(path_, content);

  EXPECT_THAT(failure(), AllOf(HasSubstr("/is_enabled/cam"),
                               HasSubstr("written with a newer HDF5, rewrite with libver=earliest")));
}

}  // namespace
}  // namespace kexp::test
