#include "kexp/dataset/make.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/dataset/dataset.hpp"

#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/recording_progress.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using dataset::Dataset;
using dataset::MakeOptions;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string as_text(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

image::Image picture(int width, int height, std::uint8_t shade) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height), shade)};
}

class DatasetMakeTest : public testing::Test {
 protected:
  DatasetMakeTest() {
    std::filesystem::create_directory(images_);
    options_.images = images_;
    options_.out = dir_ / "out.h5";
  }

  // Four pictures of growing shade, JPEG and PNG by turns; their bytes in name order.
  std::vector<std::string> write_images() const {
    std::vector<std::string> written;
    for (int i = 0; i < 4; ++i) {
      const image::Image image = picture(20 + i, 10, static_cast<std::uint8_t>(i * 60));
      written.push_back(as_text(i % 2 == 0 ? image::encode_jpeg(image, 95) : image::encode_png(image)));
      // The ending says nothing: formats are found in the bytes.
      dir_.write("images/" + std::to_string(i) + ".img", written.back());
    }
    return written;
  }

  std::vector<std::string> make() {
    dataset::validate(options_);
    dataset::make_dataset(options_, clock_, progress_, stop_.get_token());
    return stored();
  }

  std::vector<std::string> stored() const {
    std::vector<std::string> images;
    const Dataset dataset = Dataset::read(options_.out);
    for (const Dataset::Item& item : dataset.items()) {
      images.push_back(as_text(item.bytes));
    }
    return images;
  }

  void expect_nothing_left() const {
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_.path()), {}),
              1);  // The folder of images.
  }

  static image::Image decoded(const std::string& bytes) {
    return image::decode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }

  const TempDir dir_;
  const std::filesystem::path images_ = dir_ / "images";
  MakeOptions options_;
  FakeClock clock_;
  RecordingProgress progress_;
  std::stop_source stop_;
};

TEST_F(DatasetMakeTest, KeepsTheBytesOfImagesInNameOrder) {
  const auto written = write_images();

  EXPECT_EQ(make(), written);
}

TEST_F(DatasetMakeTest, LeavesOutHiddenFilesAndFolders) {
  const auto written = write_images();
  dir_.write("images/.thumbnails.db", "not an image");
  dir_.write("images/2.more/a.img", "not an image");

  EXPECT_EQ(make(), written);
}

TEST_F(DatasetMakeTest, CountsAfterEvery) {
  const auto written = write_images();
  options_.every = 2;
  EXPECT_THAT(make(), ElementsAre(written[0], written[2]));

  options_.count = 1;
  options_.force = true;
  EXPECT_THAT(make(), ElementsAre(written[0]));

  options_.every = 1;
  options_.count = 100;
  EXPECT_EQ(make(), written);
}

TEST_F(DatasetMakeTest, ResizingKeepsEachFormat) {
  write_images();
  options_.resize = Size2{8, 6};

  const auto images = make();

  ASSERT_EQ(images.size(), 4U);
  for (std::size_t i = 0; i < images.size(); ++i) {
    const image::Image image = decoded(images[i]);
    EXPECT_EQ(image.width, 8);
    EXPECT_EQ(image.height, 6);
    EXPECT_NEAR(image.bgr.at(0), static_cast<int>(i) * 60, 2);
    EXPECT_EQ(images[i].front(), i % 2 == 0 ? '\xff' : '\x89');
  }
}

TEST_F(DatasetMakeTest, EncodesAgainWhenAsked) {
  write_images();
  options_.encode = image::Format::png;
  EXPECT_EQ(make().at(0), as_text(image::encode_png(decoded(read_file(images_ / "0.img")))));

  options_.encode = image::Format::jpeg;
  options_.quality = 40;
  options_.force = true;
  EXPECT_EQ(make().at(1), as_text(image::encode_jpeg(decoded(read_file(images_ / "1.img")), 40)));
}

TEST_F(DatasetMakeTest, ABrokenImageIsNamedAndNothingIsWritten) {
  const auto written = write_images();
  dir_.write("images/2.img", written[2].substr(0, written[2].size() / 2));

  EXPECT_THAT(message_of<FailedError>([this] { make(); }), HasSubstr((images_ / "2.img").string()));
  expect_nothing_left();
}

TEST_F(DatasetMakeTest, SaysWhatIsMissingWithoutTheModule) {
  const ScopedEnv no_module("KEXP_LIB_DIR", dir_.path().string());
  write_images();
  dir_.write("images/5.tiff", "II*\0");

  EXPECT_THAT(message_of<UsageError>([this] { make(); }),
              AllOf(HasSubstr("kexp_media.so"), HasSubstr("libopencv-dev"), HasSubstr("KEXP_LIB_DIR")));
  expect_nothing_left();
}

TEST_F(DatasetMakeTest, AnInterruptLeavesNothing) {
  write_images();
  stop_.request_stop();

  EXPECT_THAT(message_of<InterruptedError>([this] { make(); }), HasSubstr("was not written"));
  expect_nothing_left();
}

TEST_F(DatasetMakeTest, RefusesAnOutputThatExistsUnlessForced) {
  const auto written = write_images();
  dir_.write("out.h5", "precious");

  EXPECT_THAT(message_of<UsageError>([this] { make(); }), AllOf(HasSubstr("--out"), HasSubstr("--force")));
  EXPECT_EQ(read_file(options_.out), "precious");

  options_.force = true;
  EXPECT_EQ(make(), written);
}

TEST_F(DatasetMakeTest, ABrokenImageKeepsTheForcedOutput) {
  dir_.write("images/0.img", "\xff\xd8\xff broken");
  dir_.write("out.h5", "precious");
  options_.force = true;

  EXPECT_THAT(message_of<FailedError>([this] { make(); }), HasSubstr("0.img"));
  EXPECT_EQ(read_file(options_.out), "precious");
}

TEST_F(DatasetMakeTest, NamesThePlaceThatIsMissing) {
  EXPECT_THAT(message_of<UsageError>([this] { make(); }), AllOf(HasSubstr("--images"), HasSubstr("no file")));

  options_.images = dir_ / "missing";
  EXPECT_THAT(message_of<UsageError>([this] { make(); }),
              AllOf(HasSubstr("--images"), HasSubstr("no such folder")));

  options_.images = images_;
  write_file_atomically(dir_ / "file", "");
  options_.out = dir_ / "file" / "out.h5";
  EXPECT_THAT(message_of<UsageError>([this] { make(); }), AllOf(HasSubstr("--out"), HasSubstr("its folder")));

  options_.out = images_;
  EXPECT_THAT(message_of<UsageError>([this] { make(); }), AllOf(HasSubstr("--out"), HasSubstr("directory")));

  options_.images.clear();
  options_.out = dir_ / "out.h5";
  options_.video = "missing.avi";
  EXPECT_THAT(message_of<UsageError>([this] { make(); }),
              AllOf(HasSubstr("--video"), HasSubstr("missing.avi")));
}

TEST_F(DatasetMakeTest, MakesTheFolderOfItsFile) {
  write_images();
  options_.out = dir_ / "datasets" / "mini.hdf5";

  make();

  const Dataset made = Dataset::read(options_.out);
  EXPECT_EQ(made.items().size(), 4U);
}

TEST_F(DatasetMakeTest, ReportsItsStartAndEnd) {
  write_images();

  make();

  EXPECT_EQ(progress_.count("started"), 1U);
  EXPECT_EQ(progress_.last("finished", "images"), ProgressEvent::Value(std::int64_t{4}));
  EXPECT_EQ(progress_.last("started", "total"), ProgressEvent::Value(std::int64_t{4}));
}

TEST(DatasetMakeOptionsTest, ValidateNamesTheFlag) {
  MakeOptions good;
  good.out = "F.h5";
  good.images = "images";
  EXPECT_NO_THROW(dataset::validate(good));

  const auto refused = [&](auto change) {
    MakeOptions options = good;
    change(options);
    return message_of<UsageError>([&] { dataset::validate(options); });
  };
  EXPECT_THAT(refused([](auto& o) { o.out.clear(); }), HasSubstr("--out"));
  EXPECT_THAT(refused([](auto& o) { o.images.clear(); }), AllOf(HasSubstr("--images"), HasSubstr("--video")));
  EXPECT_THAT(refused([](auto& o) { o.video = "v"; }), AllOf(HasSubstr("--images"), HasSubstr("--video")));
  EXPECT_THAT(refused([](auto& o) { o.every = 0; }), HasSubstr("--every"));
  EXPECT_THAT(refused([](auto& o) { o.count = 0; }), HasSubstr("--count"));
  EXPECT_THAT(refused([](auto& o) { o.quality = 0; }), HasSubstr("--quality"));
  EXPECT_THAT(refused([](auto& o) { o.quality = 101; }), HasSubstr("--quality"));
  EXPECT_THAT(refused([](auto& o) { o.resize = Size2{20000, 10}; }), HasSubstr("--resize"));
  EXPECT_THAT(refused([](auto& o) {
                o.quality = 50;
                o.encode = image::Format::png;
              }),
              AllOf(HasSubstr("--quality"), HasSubstr("png")));
}

}  // namespace
}  // namespace kexp::test
