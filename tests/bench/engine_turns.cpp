// Inference on demand, for scripts that measure engines turn by turn with something outside this process:
//
//     engine_turns IMAGE BLOB THREADS MODEL ENGINE[:PRECISION]…
//
// Writes the picture's blob (float32, 1 x 3 x side x side) to the file BLOB, loads MODEL at its square size
// on each engine, says "ready SIDE", and answers each line "INDEX ROUNDS" of stdin with a line of ROUNDS
// times "wall:cpu" in ms: one inference with what follows it, in that engine.

#include <fstream>
#include <iostream>
#include <sstream>
#include <time.h>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/image/image.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/letterbox.hpp"

namespace kexp {
namespace {

double milliseconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::unique_ptr<inference::Detector> load(const char* model, const std::string& engine, int threads) {
  std::istringstream parts(engine);
  std::string precision = "f32";
  std::string input = "square";
  inference::DetectorOptions options;
  std::getline(parts, options.engine, ':');
  std::getline(parts, precision, ':');
  std::getline(parts, input, ':');
  options.precision = precision.empty() ? "f32" : precision;
  options.threads = threads;
  options.input = inference::parse_input_size(input.empty() ? "square" : input, "--input");
  return inference::make_detector(model, options);
}

/// Writes the picture's blob; the processor time that one takes.
double write_blob(const image::Image& picture, Size2 size, const char* file) {
  constexpr int kRounds = 10;
  const inference::Letterbox letterbox = inference::fit({picture.width, picture.height}, size);
  std::vector<float> blob;
  inference::fill_blob(picture, letterbox, blob);
  const double start = milliseconds_of(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < kRounds; ++i) {
    inference::fill_blob(picture, letterbox, blob);
  }
  const double cost = (milliseconds_of(CLOCK_PROCESS_CPUTIME_ID) - start) / kRounds;
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(blob.data()),
             static_cast<std::streamsize>(blob.size() * sizeof(float)));
  return cost;
}

/// Wall and processor time of one inference and what follows it; preparing the blob is taken off both.
std::string one_turn(inference::Detector& detector, const image::Image& picture, double blob_ms) {
  const double cpu = milliseconds_of(CLOCK_PROCESS_CPUTIME_ID);
  const inference::DetectorResult result = detector.detect(picture);
  const double cpu_spent = milliseconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  return fmt::format("{:.3f}:{:.3f}", milliseconds(result.inference + result.postprocess),
                     cpu_spent - blob_ms);
}

int run(int count, char** arguments) {
  if (count < 6) {
    fmt::print(stderr, "usage: engine_turns IMAGE BLOB THREADS MODEL ENGINE[:PRECISION[:INPUT]]…\n");
    return 2;
  }
  const std::string content = read_file(arguments[1]);
  const image::Image picture =
      image::decode({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
  std::vector<std::unique_ptr<inference::Detector>> detectors;
  for (int i = 5; i < count; ++i) {
    detectors.push_back(load(arguments[4], arguments[i], std::stoi(arguments[3])));
  }
  const auto side = static_cast<int>(detectors.front()->input_shape()[3]);
  const double blob_ms = write_blob(picture, {side, side}, arguments[2]);
  std::cout << "ready " << side << std::endl;
  std::size_t index = 0;
  int rounds = 0;
  while (std::cin >> index >> rounds) {
    std::string line;
    for (int i = 0; i < rounds; ++i) {
      line += (i == 0 ? "" : " ") + one_turn(*detectors.at(index), picture, blob_ms);
    }
    std::cout << line << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace kexp

int main(int count, char** arguments) {
  try {
    return kexp::run(count, arguments);
  } catch (const std::exception& e) {
    fmt::print(stderr, "engine_turns: {}\n", e.what());
    return 1;
  }
}
