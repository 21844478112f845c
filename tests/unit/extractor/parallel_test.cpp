#include "parallel.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "kexp/core/error.hpp"

namespace kexp::extractor {
namespace {

void wait_for(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::this_thread::yield();
  }
}

TEST(ParallelForTest, DoesEverythingOnce) {
  std::vector<std::atomic<int>> calls(100);
  parallel_for(calls.size(), 4, {}, [&](std::size_t i, const std::stop_token&) { ++calls[i]; });
  for (const auto& count : calls) {
    EXPECT_EQ(count, 1);
  }
  parallel_for(0, 4, {}, [](std::size_t, const std::stop_token&) { FAIL(); });
}

TEST(ParallelForTest, StopsTheOthersAtTheFirstExceptionAndThrowsIt) {
  std::atomic<int> calls{0};
  EXPECT_THROW(parallel_for(1000, 2, {},
                            [&](std::size_t i, const std::stop_token& stop) {
                              ++calls;
                              if (i == 3) {
                                throw FailedError("broken");
                              }
                              if (i > 3) {
                                wait_for(stop);
                                throw InterruptedError("a consequence, not the cause");
                              }
                            }),
               FailedError);
  EXPECT_LE(calls, 5);
}

TEST(ParallelForTest, SaysThatItWasStopped) {
  std::stop_source stop;
  std::atomic<int> calls{0};
  EXPECT_THROW(parallel_for(1000, 2, stop.get_token(),
                            [&](std::size_t, const std::stop_token& stopping) {
                              if (++calls >= 10) {
                                stop.request_stop();
                                wait_for(stopping);
                              }
                            }),
               InterruptedError);
  EXPECT_LE(calls, 11);
}

}  // namespace
}  // namespace kexp::extractor
