#pragma once

#include <string>

#include <gtest/gtest.h>

#include "kexp/inference/detector.hpp"

namespace kexp::test {

inline constexpr const char* kNoOpenvino = "this build has no OpenVINO (scripts/bootstrap.sh fetches it)";

/// A test that every engine has to pass; its parameter is --engine.
class EngineTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "openvino" && !inference::openvino_module()) {
      GTEST_SKIP() << kNoOpenvino;
    }
  }

  static inference::DetectorOptions engine_options() {
    inference::DetectorOptions options;
    options.engine = GetParam();
    return options;
  }
};

inline std::string engine_name(const ::testing::TestParamInfo<const char*>& info) { return info.param; }

/// Runs a suite derived from EngineTest on every engine.
#define KEXP_ON_EVERY_ENGINE(suite) \
  INSTANTIATE_TEST_SUITE_P(Engines, suite, ::testing::Values("opencv", "openvino"), engine_name)

}  // namespace kexp::test
