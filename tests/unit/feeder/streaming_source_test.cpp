#include "streaming_source.hpp"

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/bounded_queue.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/random.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;
using testing::AllOf;
using testing::HasSubstr;

constexpr auto kDeadline = 20s;

class StreamingSourceTest : public testing::Test {
 protected:
  /// A dataset of images that all differ, `bytes(i)` long.
  void make_dataset(std::size_t count, const std::function<std::size_t(std::size_t)>& bytes) {
    images_.clear();
    dataset::Writer writer(file_, "camera");
    for (std::size_t i = 0; i < count; ++i) {
      SplitMix64 random(i);
      Bytes image(bytes(i));
      std::generate(image.begin(), image.end(), [&] { return static_cast<std::uint8_t>(random.next()); });
      writer.add(image);
      images_.push_back(std::move(image));
    }
    writer.finish();
  }

  /// A plan of `count` images, the dataset again and again.
  void make_plan(std::uint64_t count, bool shuffle = false) {
    cycle::PlanOptions options;
    options.curve.profile = "burst";
    options.burst_images = count;
    options.shuffle = shuffle;
    std::vector<std::uint64_t> sizes;
    for (const Bytes& image : images_) {
      sizes.push_back(image.size());
    }
    plan_ = cycle::Plan::make(options, sizes);
  }

  std::unique_ptr<ImageSource> open(std::uint64_t window_bytes, const Shard& shard = {}) {
    return make_streaming_source(plan_, dataset::StoredDataset::open(file_), shard, window_bytes, {});
  }

  /// The image as soon as it was read.
  static std::span<const std::uint8_t> wait_for(ImageSource& source, std::uint64_t id) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < deadline) {
      if (const auto bytes = source.get(id)) {
        return *bytes;
      }
      std::this_thread::yield();
    }
    ADD_FAILURE() << "image " << id << " did not come";
    return {};
  }

  void expect_image(std::uint64_t id, std::span<const std::uint8_t> bytes) const {
    const Bytes& expected = images_[plan_.images()[id].dataset_index];
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end())) << "image " << id;
  }

  void play(ImageSource& source, std::uint64_t first = 0, std::uint64_t step = 1) const {
    for (std::uint64_t id = first; id < plan_.images().size(); id += step) {
      expect_image(id, wait_for(source, id));
      source.release(id);
    }
  }

  /// How many images from the first on are there.
  static std::uint64_t in_memory(ImageSource& source) {
    std::uint64_t count = 0;
    while (source.get(count)) {
      ++count;
    }
    return count;
  }

  const test::TempDir dir_;
  const std::filesystem::path file_ = dir_ / "images.hdf5";
  std::vector<Bytes> images_;
  cycle::Plan plan_;
};

TEST_F(StreamingSourceTest, GivesEveryImageOfThePlan) {
  make_dataset(50, [](std::size_t i) { return 100 + 37 * i; });
  make_plan(170);

  const auto source = open(5'000);

  play(*source);
}

TEST_F(StreamingSourceTest, GivesEveryImageOfAShuffledPlan) {
  make_dataset(50, [](std::size_t i) { return 100 + 37 * i; });
  make_plan(170, /*shuffle=*/true);

  const auto source = open(5'000);

  play(*source);
}

TEST_F(StreamingSourceTest, ReadsThePartOfItsShardOnly) {
  make_dataset(7, [](std::size_t) { return 1'000; });
  make_plan(101);

  const auto source = open(2'500, {.index = 3, .of = 3});

  play(*source, 2, 3);
}

TEST_F(StreamingSourceTest, ThereIsNoMoreInMemoryThanTheWindow) {
  make_dataset(40, [](std::size_t) { return 1'000; });
  make_plan(100);
  const auto source = open(10'400);

  EXPECT_EQ(in_memory(*source), 10U);
  for (std::uint64_t id = 0; id < 3; ++id) {
    source->release(id);
  }
  expect_image(12, wait_for(*source, 12));
  EXPECT_EQ(source->get(13), std::nullopt);
  expect_image(3, *source->get(3));  // Still there.
}

TEST_F(StreamingSourceTest, AWholePlanThatFitsIsInMemory) {
  make_dataset(3, [](std::size_t) { return 1'000; });
  make_plan(8);

  EXPECT_EQ(open(8'000)->get(7).has_value(), true);
}

TEST_F(StreamingSourceTest, ImagesLargerThanTheWindowComeOneByOne) {
  make_dataset(4, [](std::size_t i) { return 5'000 + i; });
  make_plan(10);

  const auto source = open(1);

  EXPECT_EQ(in_memory(*source), 1U);
  play(*source);
}

TEST_F(StreamingSourceTest, ImagesDroppedBeforeTheyWereReadAreSkipped) {
  make_dataset(20, [](std::size_t) { return 1'000; });
  make_plan(60);
  const auto source = open(4'000);

  for (std::uint64_t id = 4; id < 50; ++id) {
    source->release(id);
  }
  for (std::uint64_t id = 0; id < 4; ++id) {
    source->release(id);
  }

  play(*source, 50);
}

// An image is wanted again while it is on its way.
TEST_F(StreamingSourceTest, TheSameImageMayBeInMemorySeveralTimes) {
  make_dataset(2, [](std::size_t) { return 1'000; });
  make_plan(30);
  const auto source = open(6'000);

  source->release(0);
  expect_image(2, *source->get(2));
  expect_image(4, *source->get(4));
}

TEST_F(StreamingSourceTest, SeveralThreadsTakeAndOthersReleaseInAnyOrder) {
  constexpr std::uint64_t kThreads = 4;
  make_dataset(97, [](std::size_t i) { return 50 + 13 * (i % 31); });
  make_plan(20'000);
  const auto source = open(20'000);
  BoundedQueue<std::uint64_t> sent(30);
  std::vector<std::jthread> threads;
  for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread](const std::stop_token& stop) {
      for (std::uint64_t id = thread; id < plan_.images().size(); id += kThreads) {
        expect_image(id, wait_for(*source, id));
        sent.push(id, stop);
      }
    });
  }
  std::vector<std::uint64_t> in_flight;
  SplitMix64 random(1);
  for (std::uint64_t released = 0; released < plan_.images().size(); ++released) {
    while (in_flight.empty() || (in_flight.size() < 10 && sent.size() > 0)) {
      const auto id = sent.pop(kDeadline, {});
      ASSERT_TRUE(id.has_value());
      in_flight.push_back(*id);
    }
    std::swap(in_flight[random.below(in_flight.size())], in_flight.back());
    source->release(in_flight.back());
    in_flight.pop_back();
  }
}

TEST_F(StreamingSourceTest, AFileThatIsCutShortEndsTheRun) {
  make_dataset(300, [](std::size_t i) { return 20'000 + i; });
  make_plan(300);
  const auto source = open(100'000);
  std::filesystem::resize_file(file_, 3'000'000);

  std::uint64_t id = 0;
  const std::string why = test::message_of<FailedError>([&] {
    for (; id < 300; ++id) {
      expect_image(id, wait_for(*source, id));
      source->release(id);
    }
  });

  EXPECT_THAT(why, AllOf(HasSubstr("--dataset " + file_.string()), HasSubstr("sensor camera, frame ")));
  EXPECT_GT(id, 50U);
  EXPECT_LT(id, 160U);
}

TEST_F(StreamingSourceTest, WhatWasReadBeforeAFailureIsStillGiven) {
  make_dataset(300, [](std::size_t i) { return 20'000 + i; });
  make_plan(300);
  const auto source = open(100'000);
  std::filesystem::resize_file(file_, 10'000);
  source->release(0);
  source->release(1);
  (void)test::message_of<FailedError>([&] {
    for (std::uint64_t id = 2; id < 300; ++id) {
      (void)wait_for(*source, id);
    }
  });

  expect_image(2, *source->get(2));
}

TEST_F(StreamingSourceTest, AFileThatIsCutShortBeforeTheStartIsAnErrorAtOnce) {
  make_dataset(300, [](std::size_t i) { return 20'000 + i; });
  make_plan(300);
  dataset::StoredDataset stored = dataset::StoredDataset::open(file_);
  std::filesystem::resize_file(file_, 10'000);

  EXPECT_THAT(test::message_of<FailedError>(
                  [&] { return make_streaming_source(plan_, std::move(stored), {}, 1'000'000, {}); }),
              HasSubstr("sensor camera, frame 0"));
}

TEST_F(StreamingSourceTest, AStopEndsTheWaitForTheFirstImages) {
  make_dataset(3, [](std::size_t) { return 1'000; });
  make_plan(8);
  std::stop_source stop;
  stop.request_stop();

  EXPECT_NE(make_streaming_source(plan_, dataset::StoredDataset::open(file_), {}, 8'000, stop.get_token()),
            nullptr);
}

class WindowTest : public testing::Test {
 protected:
  static cycle::Plan plan(double megabytes_per_s, double duration_s, std::uint64_t image_bytes) {
    cycle::PlanOptions options;
    options.curve.profile = "constant";
    options.curve.duration_s = duration_s;
    options.peak_bytes_per_s = megabytes_per_s * 1e6;
    return cycle::Plan::make(options, {image_bytes});
  }
  static constexpr std::uint64_t kPlenty = 1'000'000'000'000;
};

TEST_F(WindowTest, HoldsEightSecondsOfThePeakOfItsShard) {
  EXPECT_EQ(window_for(plan(100, 60, 1'000'000), {}, kPlenty), 800'000'000U);
  EXPECT_EQ(window_for(plan(100, 60, 1'000'000), {.index = 1, .of = 4}, kPlenty), 200'000'000U);
}

TEST_F(WindowTest, HoldsAtLeast128MegabytesOfALongPlanAndNoMoreThanAllOfAShortOne) {
  EXPECT_EQ(window_for(plan(1, 1'000, 1'000'000), {}, kPlenty), 128'000'000U);
  EXPECT_EQ(window_for(plan(1, 50, 1'000'000), {}, kPlenty), 50'000'000U);
}

TEST_F(WindowTest, KeepsToTheMemoryGivenButHoldsTwoImages) {
  EXPECT_EQ(window_for(plan(100, 60, 1'000'000), {}, 30'000'000), 30'000'000U);
  EXPECT_EQ(window_for(plan(100, 60, 1'000'000), {}, 1'500'000), 2'000'000U);
}

}  // namespace
}  // namespace kexp::feeder
