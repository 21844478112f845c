#include "pacer.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"
#include "wake_ups.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr std::int64_t kMs = 1'000'000;

/// Images of 100 bytes; those in `absent` are not in memory.
class TestSource final : public ImageSource {
 public:
  [[nodiscard]] std::optional<std::span<const std::uint8_t>> get(std::uint64_t id) override {
    return absent.contains(id) ? std::nullopt : std::optional(std::span<const std::uint8_t>(bytes_));
  }
  void release(std::uint64_t id) override { released.push_back(id); }

  std::set<std::uint64_t> absent;
  std::vector<std::uint64_t> released;

 private:
  std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(100, 1);
};

/// Ten images a second for two seconds, the first due at 50 ms after t0; t0 is now.
class PacerTest : public testing::Test {
 protected:
  PacerTest() {
    kafka_.add_topic("in", 1);
    producer_ = kafka_.make_producer({}, [](const kafka::DeliveryReport&) {});
    kafka_.on_send = [this](const kafka::OutgoingRecord& record) {
      if (at_send_) {
        at_send_(record.tag);
      }
    };
  }

  std::optional<Overloaded> pace_with(OnOverload policy, Nanoseconds max_debt = 100ms) {
    return pace_plan(plan_, policy, max_debt);
  }
  std::optional<Overloaded> pace_plan(const cycle::Plan& plan, OnOverload policy = OnOverload::bounded,
                                      Nanoseconds max_debt = 100ms) {
    const Sending sending{plan, source_, "in", "run", clock_.now(), 0};
    return pace(sending, lanes_, 0, state_, Overload(policy, max_debt), *producer_, clock_,
                stop_.get_token());
  }

  std::vector<SendEvent> events() {
    std::vector<SendEvent> events;
    state_.events.drain(events);
    return events;
  }
  /// When each image was sent, ms after t0.
  std::vector<std::int64_t> sent_ms() {
    std::vector<std::int64_t> times;
    for (const SendEvent& event : events()) {
      EXPECT_EQ(event.what, SendEvent::What::sent);
      times.push_back(event.time_ns / kMs);
    }
    return times;
  }
  /// The queue is full from when image `id` is offered for so long.
  void fill_queue(std::uint64_t id, Nanoseconds duration) {
    at_send_ = [this, id, duration, until = SteadyTime()](std::uint64_t tag) mutable {
      if (tag == id && until == SteadyTime()) {
        until = clock_.now() + duration;
      }
      kafka_.set_queue_full(until != SteadyTime() && clock_.now() < until);
    };
  }

  static cycle::Plan make_plan(double images_per_s = 10, cycle::Arrival arrival = cycle::Arrival::even) {
    cycle::PlanOptions options;
    options.curve.profile = "constant";
    options.curve.duration_s = 2;
    options.peak_images_per_s = images_per_s;
    options.arrival = arrival;
    return cycle::Plan::make(options, {100});
  }

  const cycle::Plan plan_ = make_plan();
  TestSource source_;
  const Lanes lanes_{Shard{}, 1};
  LaneState state_{16'384};
  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  std::unique_ptr<kafka::Producer> producer_;
  std::function<void(std::uint64_t id)> at_send_;
  std::stop_source stop_;
};

TEST_F(PacerTest, SendsEveryImageWhenItIsIntended) {
  EXPECT_FALSE(pace_with(OnOverload::bounded));

  const auto times = sent_ms();
  ASSERT_EQ(times.size(), 20U);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(times[i], static_cast<std::int64_t>(50 + 100 * i));
  }
  EXPECT_EQ(state_.next_intended_ns, LaneState::kNothingLeft);
}

TEST_F(PacerTest, ImagesThatAreDueShortlyAfterEachOtherShareAWakeUpAndNoneIsEarly) {
  for (const auto arrival : {cycle::Arrival::even, cycle::Arrival::poisson}) {
    const cycle::Plan plan = make_plan(5000, arrival);
    EXPECT_FALSE(pace_plan(plan));

    std::vector<std::int64_t> wake_ups;
    for (const SendEvent& event : events()) {
      const auto intended_ns = static_cast<std::int64_t>(plan.images()[event.id].intended_ns);
      EXPECT_GE(event.time_ns, intended_ns);
      EXPECT_LT(event.time_ns - intended_ns, WakeUps::kApart.count());
      if (wake_ups.empty() || event.time_ns != wake_ups.back()) {
        wake_ups.push_back(event.time_ns);
      }
    }
    EXPECT_EQ(kafka_.records("in").size(), plan.images().size());
    for (std::size_t i = 1; i < wake_ups.size(); ++i) {
      EXPECT_GE(wake_ups[i] - wake_ups[i - 1], WakeUps::kApart.count());
    }
    EXPECT_LE(wake_ups.size(), 2668U);
    EXPECT_GT(wake_ups.size(), 2000U);
    kafka_.delete_topic("in");
    kafka_.add_topic("in", 1);
  }
}

TEST_F(PacerTest, ImagesThatAreFurtherApartAreSentWhenTheyAreIntendedHoweverLateATimerWas) {
  const cycle::Plan plan = make_plan(1000);
  at_send_ = [this](std::uint64_t id) {
    if (id == 500) {
      clock_.advance(900us);  // The next is due 100 us later.
    }
  };
  EXPECT_FALSE(pace_plan(plan));

  for (const SendEvent& event : events()) {
    EXPECT_EQ(event.time_ns, static_cast<std::int64_t>(plan.images()[event.id].intended_ns));
  }
}

TEST(WakeUpsTest, OnlyTheOneAfterALongSleepIsSharp) {
  WakeUps wake_ups;
  EXPECT_TRUE(wake_ups.next(10 * kMs).is_sharp);
  EXPECT_FALSE(wake_ups.next(11 * kMs).is_sharp);
  EXPECT_TRUE(wake_ups.next(13 * kMs).is_sharp);
  EXPECT_FALSE(wake_ups.next(13 * kMs).is_sharp);  // It is the same wake-up.
}

TEST_F(PacerTest, AnImageWaitsForNoWakeUpThatHasPassed) {
  const cycle::Plan plan = make_plan(5000);
  const SteadyTime t0 = clock_.now();
  std::int64_t stalled_until_ns = 0;
  at_send_ = [&](std::uint64_t id) {
    if (id == 500) {
      clock_.advance(5ms);
      stalled_until_ns = (clock_.now() - t0).count();
    }
  };
  EXPECT_FALSE(pace_plan(plan));

  for (const SendEvent& event : events()) {
    const auto intended_ns = static_cast<std::int64_t>(plan.images()[event.id].intended_ns);
    const std::int64_t wake_up_ns = intended_ns + WakeUps::kApart.count();
    EXPECT_LE(event.time_ns, event.id > 500 ? std::max(wake_up_ns, stalled_until_ns) : wake_up_ns);
  }
}

TEST_F(PacerTest, BurstRepaysADebtAtOnce) {
  fill_queue(2, 400ms);
  EXPECT_FALSE(pace_with(OnOverload::burst));

  EXPECT_THAT(sent_ms(), ElementsAre(50, 150, 650, 650, 650, 650, 650, 750, 850, 950, 1050, 1150, 1250, 1350,
                                     1450, 1550, 1650, 1750, 1850, 1950));
}

TEST_F(PacerTest, BoundedRepaysADebtAtTwiceTheRate) {
  fill_queue(2, 400ms);
  EXPECT_FALSE(pace_with(OnOverload::bounded));

  // 400 ms behind: eight gaps of 50 ms instead of 100.
  EXPECT_THAT(sent_ms(), ElementsAre(50, 150, 650, 700, 750, 800, 850, 900, 950, 1000, 1050, 1150, 1250, 1350,
                                     1450, 1550, 1650, 1750, 1850, 1950));
}

TEST_F(PacerTest, BoundedSaysNothingOfTenMilliseconds) {
  fill_queue(2, 10ms);
  EXPECT_FALSE(pace_with(OnOverload::bounded));

  const auto times = sent_ms();
  EXPECT_EQ(times[2], 260);
  EXPECT_EQ(times[3], 350);
}

TEST_F(PacerTest, DropLeavesOutWhatIsTooLate) {
  fill_queue(2, 400ms);
  EXPECT_FALSE(pace_with(OnOverload::drop));

  std::vector<std::uint64_t> dropped;
  for (const SendEvent& event : events()) {
    const auto intended_ms = static_cast<std::int64_t>(50 + 100 * event.id);
    if (event.what == SendEvent::What::dropped) {
      dropped.push_back(event.id);
      EXPECT_GT(event.time_ns / kMs - intended_ms, 100);
    } else {
      EXPECT_LE(event.time_ns / kMs - intended_ms, 100);
    }
  }
  // Images 2 to 5 were due at 250 to 550 and waited more than 100 ms; 5 is offered at 652.
  EXPECT_THAT(dropped, ElementsAre(2, 3, 4));
  EXPECT_EQ(source_.released, dropped);
  EXPECT_EQ(kafka_.records("in").size(), 17U);
}

TEST_F(PacerTest, FailEndsAtTheFirstImageThatIsTooLate) {
  fill_queue(2, 400ms);

  const auto overloaded = pace_with(OnOverload::fail, 300ms);

  ASSERT_TRUE(overloaded);
  EXPECT_EQ(overloaded->id, 2U);
  EXPECT_EQ(overloaded->debt, 301ms);
  EXPECT_EQ(sent_ms().size(), 2U);
}

TEST_F(PacerTest, AFullQueueIsCountedInTimesAndTime) {
  fill_queue(2, 30ms);
  EXPECT_FALSE(pace_with(OnOverload::bounded));

  EXPECT_EQ(state_.queue_full.times(), 30);
  EXPECT_EQ(state_.queue_full.ns(), 30 * kMs);
  EXPECT_EQ(state_.starved.times(), 0);
}

TEST_F(PacerTest, AnImageThatIsNotInMemoryIsOfferedAgainAndCountedApart) {
  source_.absent = {3};
  at_send_ = [this](std::uint64_t id) {
    if (id == 2) {
      EXPECT_EQ(state_.next_intended_ns, 250 * kMs);
    }
  };
  test::FakeClock& clock = clock_;
  class Late final : public ImageSource {
   public:
    Late(TestSource& source, test::FakeClock& clock) : source_(source), clock_(clock) {}
    [[nodiscard]] std::optional<std::span<const std::uint8_t>> get(std::uint64_t id) override {
      if (clock_.now() >= SteadyTime(355ms)) {
        source_.absent.clear();
      }
      return source_.get(id);
    }
    void release(std::uint64_t id) override { source_.release(id); }

   private:
    TestSource& source_;
    test::FakeClock& clock_;
  } late(source_, clock);
  const Sending sending{plan_, late, "in", "run", clock_.now(), 0};

  EXPECT_FALSE(pace(sending, lanes_, 0, state_, Overload(OnOverload::bounded, 100ms), *producer_, clock_,
                    stop_.get_token()));

  EXPECT_EQ(state_.starved.times(), 5);
  EXPECT_EQ(state_.queue_full.times(), 0);
  EXPECT_EQ(sent_ms()[3], 355);
}

TEST_F(PacerTest, AStopEndsTheWaitForAFullQueue) {
  kafka_.set_queue_full(true);
  at_send_ = [this](std::uint64_t) {
    if (clock_.now() >= SteadyTime(70ms)) {
      stop_.request_stop();
    }
  };
  EXPECT_FALSE(pace_with(OnOverload::burst));

  EXPECT_TRUE(events().empty());
  EXPECT_EQ(clock_.now(), SteadyTime(70ms));
  EXPECT_EQ(state_.next_intended_ns, LaneState::kNothingLeft);  // Whoever has stopped has no debt.
}

TEST_F(PacerTest, ALaneTakesItsShareOfThePlan) {
  const Sending sending{plan_, source_, "in", "run", clock_.now(), 0};
  const Lanes lanes({2, 2}, 3);  // Images 1, 3, 5, … of which lane 1 has 3, 9 and 15.
  EXPECT_FALSE(pace(sending, lanes, 1, state_, Overload(OnOverload::bounded, 100ms), *producer_, clock_,
                    stop_.get_token()));

  std::vector<std::uint64_t> ids;
  for (const SendEvent& event : events()) {
    ids.push_back(event.id);
  }
  EXPECT_THAT(ids, ElementsAre(3, 9, 15));
}

}  // namespace
}  // namespace kexp::feeder
