#include "kexp/core/stop_signal.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "kexp/core/clock.hpp"

namespace kexp {
namespace {

using namespace std::chrono_literals;

// Each case runs in a process of its own (a death test), so that masks and dispositions stay there.

bool wait_for(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, 10s, [] { return false; });
  return stop.stop_requested();
}

[[noreturn]] void end(bool ok) { std::_Exit(ok ? 0 : 1); }

TEST(StopSignalDeathTest, SigintAndSigtermAreStopRequests) {
  for (const int signal : {SIGINT, SIGTERM}) {
    EXPECT_EXIT(
        {
          const StopSignal stop;
          kill(getpid(), signal);
          end(wait_for(stop.token()));
        },
        ::testing::ExitedWithCode(0), "");
  }
}

TEST(StopSignalDeathTest, SignalReachesItWhenOtherThreadsRun) {
  EXPECT_EXIT(
      {
        const StopSignal stop;
        const std::jthread other([token = stop.token()] { (void)wait_for(token); });
        kill(getpid(), SIGTERM);
        end(wait_for(stop.token()));
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(StopSignalDeathTest, SecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(
      {
        const StopSignal stop;
        kill(getpid(), SIGINT);
        (void)wait_for(stop.token());
        SystemClock clock;
        for (int i = 0; i < 100; ++i) {  // 10 s: never reached
          kill(getpid(), SIGTERM);
          (void)clock.sleep_for(100ms, {});
        }
        end(true);
      },
      ::testing::ExitedWithCode(128 + SIGTERM), "");
}

// `timeout` signals its child, then the group that the child is in. Two of a kind could become one on their
// way.
TEST(StopSignalDeathTest, TwoSignalsAtOnceAreOneRequest) {
  EXPECT_EXIT(
      {
        const StopSignal stop;
        kill(getpid(), SIGINT);
        kill(getpid(), SIGTERM);
        const bool requested = wait_for(stop.token());
        (void)SystemClock().sleep_for(50ms, {});  // it would have ended by now
        end(requested);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(StopSignalDeathTest, HangUpAndBrokenPipeAreIgnored) {
  EXPECT_EXIT(
      {
        const StopSignal stop;
        kill(getpid(), SIGHUP);
        kill(getpid(), SIGPIPE);
        end(!stop.token().stop_requested());
      },
      ::testing::ExitedWithCode(0), "");
}

// A short command would otherwise wait for the waiter's tick of 100 ms. A busy machine gets a few tries.
TEST(StopSignalDeathTest, EndsWithoutWaitingForItsTick) {
  const auto twenty_end_soon = [] {
    const SystemClock clock;
    const SteadyTime start = clock.now();
    for (int i = 0; i < 20; ++i) {
      const StopSignal stop;
    }
    return clock.now() - start < 1s;
  };
  EXPECT_EXIT(
      {
        bool soon = false;
        for (int tries = 0; tries < 10 && !soon; ++tries) {
          soon = twenty_end_soon();
        }
        end(soon);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace kexp
