// What only the OpenVINO engine has: its choice, precision, threads, and the cache of compiled networks.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "kexp/core/file.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/inference/darknet.hpp"

#include "engines.hpp"
#include "golden_boxes.hpp"
#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"
#include "unit/inference/darknet_files.hpp"

namespace kexp::test {
namespace {

namespace fs = std::filesystem;

using inference::Detection;
using inference::Detector;
using inference::DetectorOptions;
using inference::make_detector;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t kHashDigits = 64;

image::Image grey(int width, int height) {
  return {width, height,
          std::vector<std::uint8_t>(std::size_t{3} * static_cast<std::size_t>(width * height), 90)};
}

std::vector<std::string> as_text(const std::vector<Detection>& detections) {
  std::vector<std::string> lines;
  for (const Detection& one : detections) {
    lines.push_back(
        fmt::format("{} {} {} {} {} {}", one.class_id, one.confidence, one.x, one.y, one.width, one.height));
  }
  return lines;
}

class OpenvinoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!inference::openvino_module()) {
      GTEST_SKIP() << kNoOpenvino;
    }
    options_.engine = "openvino";
    options_.confidence = 0.01;  // the network's weights are random
    options_.log = &log_;
  }

  /// A network for 64x64 and every other multiple of its stride.
  fs::path tiny() {
    const DarknetModelFiles files = write_darknet_model(dir_);
    return dir_.write("tiny.onnx",
                      inference::convert_darknet({files.cfg, files.weights, files.names, {}, ""}).onnx);
  }

  /// Like tiny(), with a weight that differs.
  fs::path other_tiny() {
    const TempDir folder;
    const DarknetModelFiles files = write_darknet_model(folder);
    std::string weights = read_file(files.weights);
    for (std::size_t at = kDarknetHeader + 2; at < weights.size(); at += 4) {
      weights[at] = static_cast<char>(weights[at] ^ '\x40');  // another fraction; a variance stays above 0
    }
    const auto changed = folder.write("other.weights", weights);
    return dir_.write("other.onnx",
                      inference::convert_darknet({files.cfg, changed, files.names, {}, ""}).onnx);
  }

  std::vector<std::string> found(const fs::path& model, int width = 64, int height = 64) {
    return as_text(make_detector(model, options_)->detect(grey(width, height)).detections);
  }

  fs::path cache() const { return dir_ / "cache"; }

  /// Files of the cache whose names end in `ending`.
  std::vector<fs::path> cached(const std::string& ending) const {
    std::vector<fs::path> files;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(cache(), none)) {
      if (entry.path().extension() == ending) {
        files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  /// Makes a cached file say something else, with a hash that fits.
  static void rewrite(const fs::path& file, const std::string& from, const std::string& to) {
    std::string content = read_file(file);
    content.resize(content.size() - kHashDigits);
    const std::size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos);
    content.replace(at, from.size(), to);
    content += sha256_hex(content);
    std::ofstream(file, std::ios::binary) << content;
  }

  TempDir dir_;
  CapturingLog log_;
  DetectorOptions options_;
};

TEST_F(OpenvinoTest, IsWhatAutoTakes) {
  options_.engine = "auto";
  const auto detector = make_detector(tiny(), options_);

  EXPECT_EQ(detector->engine(), "openvino");
  EXPECT_THAT(detector->engine_description(), HasSubstr(", f32"));
  EXPECT_EQ(log_.count(LogLevel::warn), 0U);
  EXPECT_EQ(log_.count(LogLevel::debug, "engine=\"OpenVINO 20"), 1U);
}

TEST_F(OpenvinoTest, NamesADeviceThatIsNotThere) {
  options_.device = "ABACUS";

  EXPECT_THAT(message_of<UsageError>([&] { return make_detector(tiny(), options_); }),
              HasSubstr("--device ABACUS: "));
}

TEST_F(OpenvinoTest, CalculatesInBf16OnlyWhereItIsAskedForAndCan) {
  options_.precision = "bf16";
  const auto model = tiny();
  const std::string cpu = read_file("/proc/cpuinfo");
  if (cpu.find("avx512_bf16") == std::string::npos && cpu.find("amx_bf16") == std::string::npos) {
    EXPECT_THAT(message_of<UsageError>([&] { return make_detector(model, options_); }),
                HasSubstr("has no bf16, use f32"));
    return;
  }
  options_.profiled = true;
  const auto detector = make_detector(model, options_);
  const auto times = detector->layer_times();

  EXPECT_EQ(detector->engine(), "openvino-bf16");
  EXPECT_EQ(log_.count(LogLevel::warn, "moves boxes by up to 2.5 px"), 1U);
  const auto is_bf16 = [](const auto& layer) { return layer.type.find("_bf16") != std::string::npos; };
  EXPECT_TRUE(std::any_of(times.begin(), times.end(), is_bf16));
}

TEST_F(OpenvinoTest, SaysWhatLayersCostWhenAskedTo) {
  const auto model = tiny();
  EXPECT_THAT(make_detector(model, options_)->layer_times(), IsEmpty());
  options_.profiled = true;
  const auto times = make_detector(model, options_)->layer_times();

  ASSERT_FALSE(times.empty());
  EXPECT_THAT(times.front().type, HasSubstr("_f32"));
  EXPECT_TRUE(std::any_of(times.begin(), times.end(),
                          [](const auto& layer) { return layer.type.rfind("Convolution", 0) == 0; }));
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end(),
                             [](const auto& a, const auto& b) { return a.time > b.time; }));
}

/// Where each thread of this process may run.
std::set<std::string> allowed_cpus() {
  std::set<std::string> allowed;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("Cpus_allowed_list:", 0) == 0) {
        allowed.insert(line);
      }
    }
  }
  return allowed;
}

// Pinned threads of several processes on one machine would meet on the same CPUs.
TEST_F(OpenvinoTest, PinsNoThread) {
  const auto before = allowed_cpus();
  options_.threads = 2;
  const auto detector = make_detector(tiny(), options_);
  static_cast<void>(detector->detect(grey(64, 64)));

  EXPECT_EQ(allowed_cpus(), before);
  EXPECT_THAT(before, SizeIs(1));
}

// From the fourth size on they share a network; what is found does not depend on which one is taken.
TEST_F(OpenvinoTest, FindsTheSameWhicheverSizesCameBefore) {
  options_.engine_cache = cache();
  options_.input = inference::parse_input_size("auto", "--input");
  const auto model = tiny();
  const auto detector = make_detector(model, options_);
  for (int round = 0; round < 2; ++round) {
    for (int height = 16; height <= 96; height += 16) {
      SCOPED_TRACE(height);
      const auto result = detector->detect(grey(64, height));
      const auto alone = make_detector(model, options_)->detect(grey(64, height));
      EXPECT_EQ(result.input_shape, alone.input_shape);
      ASSERT_EQ(result.detections.size(), alone.detections.size());
      for (std::size_t i = 0; i < alone.detections.size(); ++i) {
        EXPECT_NEAR(result.detections[i].x, alone.detections[i].x, 1e-3);
        EXPECT_NEAR(result.detections[i].height, alone.detections[i].height, 1e-3);
        EXPECT_NEAR(result.detections[i].confidence, alone.detections[i].confidence, 1e-5);
      }
    }
  }
  EXPECT_THAT(cached(".any"), SizeIs(1));
}

TEST_F(OpenvinoTest, SeveralDetectorsRunAtOnce) {
  const auto model = tiny();
  const auto wanted = found(model);
  ASSERT_FALSE(wanted.empty());
  std::vector<std::vector<std::string>> results(3);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back([&] { result = found(model); });
    }
  }
  EXPECT_THAT(results, ::testing::Each(wanted));
}

TEST_F(OpenvinoTest, AFileThatChangedSinceItWasLoadedIsNamed) {
  options_.input = inference::parse_input_size("auto", "--input");
  const auto model = tiny();
  const auto detector = make_detector(model, options_);
  fs::copy_file(other_tiny(), model, fs::copy_options::overwrite_existing);

  EXPECT_NO_THROW(static_cast<void>(detector->detect(grey(64, 64))));
  EXPECT_THAT(message_of<inference::ModelFileError>([&] { return detector->detect(grey(64, 16)); }),
              HasSubstr(model.string() + ": changed since it was loaded"));
  fs::remove(model);
  EXPECT_THAT(message_of<inference::ModelFileError>([&] { return detector->detect(grey(64, 16)); }),
              HasSubstr(model.string()));
}

class EngineCacheTest : public OpenvinoTest {
 protected:
  void SetUp() override {
    OpenvinoTest::SetUp();
    options_.engine_cache = cache();
  }
};

TEST_F(EngineCacheTest, ASecondStartTakesWhatTheFirstOneFoundOut) {
  const auto model = tiny();
  const auto first = found(model);
  ASSERT_THAT(cached(".facts"), SizeIs(1));
  ASSERT_THAT(cached(".64x64"), SizeIs(1));
  rewrite(cached(".facts")[0], "person", "people");

  const auto detector = make_detector(model, options_);

  EXPECT_EQ(detector->labels()[0], "people") << "the graph was read again";
  EXPECT_EQ(as_text(detector->detect(grey(64, 64)).detections), first);
  EXPECT_THAT(cached(".64x64"), SizeIs(1));
  EXPECT_EQ(log_.count(LogLevel::warn), 0U);
}

// The file under the key of the one network is made that of the other: what is found then is the other's.
TEST_F(EngineCacheTest, TheNetworkComesFromTheCache) {
  const auto model = tiny();
  const auto other = other_tiny();
  const auto first = found(model);
  const fs::path stored = cached(".64x64").at(0);
  const auto wanted = found(other);
  ASSERT_NE(first, wanted);
  const auto files = cached(".64x64");
  ASSERT_THAT(files, SizeIs(2));
  fs::copy_file(files[0] == stored ? files[1] : files[0], stored, fs::copy_options::overwrite_existing);

  EXPECT_EQ(found(model), wanted);
}

TEST_F(EngineCacheTest, EachSizeIsKept) {
  const auto model = tiny();
  options_.input = inference::parse_input_size("auto", "--input");
  const auto first = found(model, 64, 32);
  EXPECT_THAT(cached(".64x64"), SizeIs(1));
  EXPECT_THAT(cached(".64x32"), SizeIs(1));

  EXPECT_EQ(found(model, 64, 32), first);
  EXPECT_THAT(cached(".64x32"), SizeIs(1));
}

TEST_F(EngineCacheTest, AnotherModelOrOptionNeverHits) {
  const auto model = tiny();
  found(model);
  rewrite(cached(".facts")[0], "person", "people");
  const auto misses = [&](const fs::path& file) {
    return make_detector(file, options_)->labels()[0] == "person";
  };

  EXPECT_FALSE(misses(dir_.write("copy.onnx", read_file(model)))) << "the same model by another name";
  EXPECT_TRUE(misses(other_tiny()));
  options_.threads = 2;
  EXPECT_TRUE(misses(model));
  options_.threads = 1;
  options_.profiled = true;
  EXPECT_TRUE(misses(model));
}

TEST_F(EngineCacheTest, ABrokenFileIsAWarningAndMadeAgain) {
  const auto model = tiny();
  const auto first = found(model);
  const fs::path file = cached(".64x64")[0];
  const std::string whole = read_file(file);
  std::ofstream(file, std::ios::binary) << whole.substr(0, whole.size() / 2);

  EXPECT_EQ(found(model), first);
  EXPECT_EQ(found(model), first);
  EXPECT_EQ(log_.count(LogLevel::warn, file.filename().string() + " is broken"), 1U) << "it was made again";
}

// Its hash fits, but OpenVINO cannot read it.
TEST_F(EngineCacheTest, ANetworkThatCannotBeRestoredIsAWarningAndMadeAgain) {
  const auto model = tiny();
  const auto first = found(model);
  std::ofstream(cached(".64x64")[0], std::ios::binary) << "no network" << sha256_hex("no network");

  EXPECT_EQ(found(model), first);
  EXPECT_EQ(log_.count(LogLevel::warn, "--engine-cache"), 1U);
  EXPECT_EQ(found(model), first);
  EXPECT_EQ(log_.count(LogLevel::warn, "--engine-cache"), 1U);
}

TEST_F(EngineCacheTest, AFolderThatCannotBeUsedIsAWarning) {
  const auto model = tiny();
  options_.engine_cache = dir_.write("file", "") / "cache";

  EXPECT_FALSE(found(model).empty());
  EXPECT_GE(log_.count(LogLevel::warn, "--engine-cache " + options_.engine_cache.string()), 1U);
}

/// Against f32; the limits are what --help says, and twice the boxes' to be sure of other machines.
TEST_F(OpenvinoTest, Bf16MovesBoxesLittle) {
  const auto model = test_data("models/yolov5n-640.onnx");
  if (!model) {
    GTEST_SKIP() << kNoTestData;
  }
  options_.precision = "bf16";
  options_.confidence = 0.5;  // those near the limit come and go
  options_.input = inference::parse_input_size("square", "--input");
  std::unique_ptr<Detector> detector;
  try {
    detector = make_detector(*model, options_);
  } catch (const UsageError& e) {
    GTEST_SKIP() << e.what();
  }
  for (const auto& [name, golden] : golden_boxes()) {
    SCOPED_TRACE(name);
    const auto detections = detector->detect(image::decode(golden_image(name))).detections;
    for (const GoldenBox& box : golden) {
      if (box.confidence > 0.55) {
        EXPECT_EQ(std::count_if(detections.begin(), detections.end(),
                                [&](const Detection& one) {
                                  return one.class_id == box.class_id && std::abs(one.x - box.x1) < 5 &&
                                         std::abs(one.y - box.y1) < 5 &&
                                         std::abs(one.x + one.width - box.x2) < 5 &&
                                         std::abs(one.y + one.height - box.y2) < 5 &&
                                         std::abs(one.confidence - box.confidence) < 0.05;
                                }),
                  1)
            << "class " << box.class_id;
      }
    }
  }
}

}  // namespace
}  // namespace kexp::test
