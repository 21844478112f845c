#include "exchange.hpp"

#include <future>
#include <latch>

#include <gmock/gmock.h>

#include "messages.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"

namespace kexp::consumer {
namespace {

using namespace std::chrono_literals;
using Offsets = std::vector<std::pair<std::int32_t, std::int64_t>>;
using test::FakeClock;
using test::message_of;
using test::TestMessage;

constexpr auto kLong = 60s;  // A bound that no test reaches.

Offsets pairs(const std::vector<kafka::PartitionOffset>& list) {
  Offsets offsets;
  for (const kafka::PartitionOffset& next : list) {
    offsets.emplace_back(next.partition, next.offset);
  }
  return offsets;
}

class ExchangeTest : public testing::Test {
 protected:
  explicit ExchangeTest(ExchangeOptions options = {.first_retry = 0ms}) : exchange_(clock_, options) {
    exchange_.assign({0, 1});
  }

  void give(std::int32_t partition, std::int64_t offset) {
    exchange_.give(std::make_unique<TestMessage>(partition, offset));
  }
  /// The worker's next work, which must be a message.
  Ticket take() {
    auto work = exchange_.next();
    EXPECT_TRUE(work && std::holds_alternative<Task>(*work));
    return work && std::holds_alternative<Task>(*work) ? std::get<Task>(*work).ticket : Ticket{};
  }
  /// The worker's next work, which must be an answer to send again.
  std::shared_ptr<Answer> take_answer() {
    auto work = exchange_.next();
    EXPECT_TRUE(work && std::holds_alternative<std::shared_ptr<Answer>>(*work));
    return work && std::holds_alternative<std::shared_ptr<Answer>>(*work)
               ? std::get<std::shared_ptr<Answer>>(*work)
               : std::make_shared<Answer>();
  }
  bool post(const Ticket& ticket) {
    auto answer = std::make_shared<Answer>();
    answer->ticket = ticket;
    return exchange_.post(answer);
  }
  void report(const Ticket& ticket, const std::string& error = "") {
    kafka::DeliveryReport report;
    report.tag = ticket.number;
    report.error = error;
    exchange_.on_report(report);
  }
  Offsets storable() { return pairs(exchange_.take_storable()); }

  FakeClock clock_;
  Exchange exchange_;
};

TEST_F(ExchangeTest, StoresAnOffsetOnlyAfterTheAcknowledgement) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  EXPECT_EQ(storable(), Offsets{});
  report(four);
  EXPECT_EQ(storable(), (Offsets{{0, 5}}));
  EXPECT_EQ(exchange_.state().acknowledged, 1U);
}

TEST_F(ExchangeTest, StoresNothingPastFourWhenFiveIsAcknowledgedFirst) {
  give(0, 4);
  give(0, 5);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  const Ticket five = take();
  EXPECT_TRUE(post(five));
  report(five);
  EXPECT_EQ(storable(), Offsets{});
  report(four);
  EXPECT_EQ(storable(), (Offsets{{0, 6}}));
}

TEST_F(ExchangeTest, CountsAMessageWithoutAnswerWhenItIsComplete) {
  give(1, 7);
  exchange_.complete(take());
  EXPECT_EQ(storable(), (Offsets{{1, 8}}));
}

TEST_F(ExchangeTest, HasRoomForTwoMessages) {
  EXPECT_TRUE(exchange_.wait_for_room(0ms, {}));
  give(0, 0);
  give(0, 1);
  EXPECT_FALSE(exchange_.wait_for_room(0ms, {}));
  take();
  EXPECT_TRUE(exchange_.wait_for_room(0ms, {}));
}

TEST_F(ExchangeTest, WaitsForNoRoomWhenStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(exchange_.wait_for_room(kLong, stop.get_token()));
}

TEST_F(ExchangeTest, HandsAnAnswerBackWhoseDeliveryFailed) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  for (int failures = 0; failures < 20; ++failures) {
    report(four, "_MSG_TIMED_OUT");
    EXPECT_EQ(take_answer()->ticket.number, four.number);
  }
  EXPECT_EQ(storable(), Offsets{});
  report(four);
  EXPECT_EQ(storable(), (Offsets{{0, 5}}));
  EXPECT_EQ(exchange_.state().resent, 20U);
}

TEST_F(ExchangeTest, HandsAnAnswerBackThatFoundTheQueueFull) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  exchange_.postpone(four);
  EXPECT_EQ(take_answer()->ticket.number, four.number);
}

TEST_F(ExchangeTest, EndsTheWorkWhenADeliveryIsHopeless) {
  give(0, 4);
  give(0, 5);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  report(four, "TOPIC_AUTHORIZATION_FAILED");
  EXPECT_FALSE(exchange_.next().has_value());
  EXPECT_FALSE(exchange_.wait_for_room(0ms, {}));
  EXPECT_THAT(message_of<kafka::KafkaError>([this] { exchange_.rethrow_failure(); }),
              testing::HasSubstr("TOPIC_AUTHORIZATION_FAILED"));
  EXPECT_EQ(storable(), Offsets{});
}

TEST_F(ExchangeTest, HandsAnAnswerBackToBeShortenedThatIsTooLarge) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  report(four, "MSG_SIZE_TOO_LARGE");
  EXPECT_EQ(take_answer()->form, Answer::Form::shortened);
  report(four);
  EXPECT_EQ(storable(), (Offsets{{0, 5}}));
  EXPECT_EQ(exchange_.state().shortened, 1U);
}

// The consumer ended, was started again, and ended again, as long as the topic's limit was too low.
TEST_F(ExchangeTest, KeepsAWholeAnswerWhereNotEvenAShortenedOneIsTaken) {
  give(0, 4);
  give(0, 5);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  for (int tries = 0; tries < 3; ++tries) {
    report(four, "MSG_SIZE_TOO_LARGE");
    EXPECT_EQ(take_answer()->form, Answer::Form::shortened);
    report(four, "MSG_SIZE_TOO_LARGE");
    EXPECT_EQ(take_answer()->form, Answer::Form::whole);
  }
  EXPECT_EQ(exchange_.state().refused, "MSG_SIZE_TOO_LARGE");
  EXPECT_EQ(take().offset, 5);  // Others may pass.
  report(four);
  EXPECT_EQ(exchange_.state().refused, "");
  EXPECT_EQ(exchange_.state().shortened, 0U);
  EXPECT_EQ(storable(), (Offsets{{0, 5}}));
}

TEST_F(ExchangeTest, DropsQueuedMessagesOfARevokedPartitionOnly) {
  give(0, 4);
  give(1, 9);
  EXPECT_EQ(pairs(exchange_.revoke({0}, kLong)), Offsets{});
  const Ticket next = take();
  EXPECT_EQ(next.partition, 1);
  EXPECT_EQ(next.offset, 9);
  EXPECT_EQ(exchange_.state().partitions, std::vector<std::int32_t>{1});
}

TEST_F(ExchangeTest, RevokesOnlyAfterTheImageInWorkIsAnsweredAndAcknowledged) {
  give(0, 4);
  const Ticket four = take();
  give(0, 5);
  give(0, 6);
  auto revoked = std::async(std::launch::async, [this] { return pairs(exchange_.revoke({0}, kLong)); });
  ASSERT_TRUE(exchange_.wait_for_room(kLong, {}));  // 5 and 6 were dropped: revoking has begun.
  EXPECT_TRUE(post(four));
  report(four);
  EXPECT_EQ(revoked.get(), (Offsets{{0, 5}}));  // 5 and 6 are redelivered to whoever comes.
}

TEST_F(ExchangeTest, RevokesWithoutWaitingForOtherPartitions) {
  give(1, 9);
  const Ticket nine = take();
  EXPECT_EQ(pairs(exchange_.revoke({0}, kLong)), Offsets{});
  EXPECT_TRUE(post(nine));
}

TEST_F(ExchangeTest, GivesUpAtTheBoundAndSendsNoLateAnswer) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_EQ(pairs(exchange_.revoke({0}, 1ms)), Offsets{});
  EXPECT_FALSE(post(four));
  EXPECT_EQ(exchange_.state().unacknowledged, 0U);
}

TEST_F(ExchangeTest, ForgetsFailedAnswersOfALostPartition) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  exchange_.lose({0});
  report(four, "_MSG_TIMED_OUT");
  EXPECT_EQ(exchange_.state().unacknowledged, 0U);
  EXPECT_EQ(storable(), Offsets{});
}

TEST_F(ExchangeTest, IgnoresTheAcknowledgementOfALostPartition) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  exchange_.lose({0});
  exchange_.assign({0});
  give(0, 4);
  report(four);
  EXPECT_EQ(storable(), Offsets{});
}

TEST_F(ExchangeTest, DrainsAllThatIsInWorkAndDropsTheRest) {
  give(0, 4);
  const Ticket four = take();
  give(0, 5);
  give(1, 9);
  auto drained = std::async(std::launch::async, [this] { return exchange_.drain(kLong); });
  ASSERT_TRUE(exchange_.wait_for_room(kLong, {}));
  EXPECT_TRUE(post(four));
  report(four);
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(storable(), (Offsets{{0, 5}}));
}

TEST_F(ExchangeTest, SaysWhenNotAllWasAcknowledgedInTime) {
  give(0, 4);
  EXPECT_TRUE(post(take()));
  EXPECT_FALSE(exchange_.drain(1ms));
}

/// The slowest image so far has taken an hour.
class SlowExchangeTest : public ExchangeTest {
 protected:
  explicit SlowExchangeTest(ExchangeOptions options = {}) : ExchangeTest(options) {
    give(0, 4);
    const Ticket four = take();
    clock_.advance(1h);
    exchange_.complete(four);
    give(0, 5);
    take();
  }
};

// At the end, waiting twice as long as the slowest image came after the same wait of the drain.
TEST_F(SlowExchangeTest, WaitsForNothingWithoutABound) {
  auto revoked = std::async(std::launch::async, [this] { return pairs(exchange_.revoke({0}, 0ms)); });
  EXPECT_EQ(revoked.wait_for(5s), std::future_status::ready);
  EXPECT_EQ(revoked.get(), (Offsets{{0, 5}}));
}

class BoundedExchangeTest : public SlowExchangeTest {
 protected:
  BoundedExchangeTest() : SlowExchangeTest({.longest_wait = 1ms}) {}
};

TEST_F(BoundedExchangeTest, WaitsForSlowImagesUpToALimit) { EXPECT_FALSE(exchange_.drain(1ms)); }

TEST_F(ExchangeTest, SaysSinceWhenItIsFull) {
  give(0, 4);
  EXPECT_EQ(exchange_.state().full_since, std::nullopt);
  clock_.advance(1s);
  give(0, 5);
  EXPECT_EQ(exchange_.state().full_since, SteadyTime(1s));
  clock_.advance(1s);
  give(0, 6);  // What was fetched when there was room.
  EXPECT_EQ(exchange_.state().full_since, SteadyTime(1s));
  take();
  EXPECT_EQ(exchange_.state().full_since, SteadyTime(2s)) << "something was taken";
  take();
  EXPECT_EQ(exchange_.state().full_since, std::nullopt);
  give(0, 7);
  exchange_.lose({0});
  EXPECT_EQ(exchange_.state().full_since, std::nullopt);
}

TEST_F(ExchangeTest, EndsTheWorkWhenClosed) {
  give(0, 4);
  exchange_.close();
  EXPECT_FALSE(exchange_.next().has_value());
}

TEST_F(ExchangeTest, PassesOnWhatEndedTheWorker) {
  exchange_.fail(std::make_exception_ptr(FailedError("out of luck")));
  EXPECT_EQ(message_of<FailedError>([this] { exchange_.rethrow_failure(); }), "out of luck");
}

class StreamsExchangeTest : public ExchangeTest {
 protected:
  StreamsExchangeTest() : ExchangeTest({.streams = 2, .queued_messages = 3, .first_retry = 0ms}) {}
};

TEST_F(StreamsExchangeTest, StoresThePrefixWhateverTheOrderOfTheStreams) {
  give(0, 4);
  give(0, 5);
  give(0, 6);
  const Ticket four = take();
  const Ticket five = take();
  exchange_.complete(five);
  const Ticket six = take();
  exchange_.complete(six);
  EXPECT_EQ(storable(), Offsets{});
  exchange_.complete(four);
  EXPECT_EQ(storable(), (Offsets{{0, 7}}));
}

TEST_F(StreamsExchangeTest, NamesTheOldestInWorkFirst) {
  give(0, 4);
  give(1, 9);
  const Ticket four = take();
  clock_.advance(1s);
  take();
  ASSERT_EQ(exchange_.state().in_work.size(), 2U);
  EXPECT_EQ(exchange_.state().in_work.front().ticket.number, four.number);
  exchange_.complete(four);
  ASSERT_EQ(exchange_.state().in_work.size(), 1U);
  EXPECT_EQ(exchange_.state().in_work.front().ticket.offset, 9);
  EXPECT_EQ(exchange_.state().in_work.front().since, SteadyTime(1s));
}

TEST_F(StreamsExchangeTest, RevokesOnlyAfterEveryImageInWorkIsAnswered) {
  give(0, 4);
  give(0, 5);
  give(1, 9);
  const Ticket four = take();
  const Ticket five = take();
  auto revoked = std::async(std::launch::async, [this] { return pairs(exchange_.revoke({0}, kLong)); });
  exchange_.complete(five);
  EXPECT_TRUE(post(four));
  report(four);
  EXPECT_EQ(revoked.get(), (Offsets{{0, 6}}));
}

TEST_F(StreamsExchangeTest, DecodesNothingAheadWhileAStreamIsFree) {
  give(0, 4);
  take();
  give(0, 5);
  auto ahead = std::async(std::launch::async, [this] { return exchange_.next_to_decode(); });
  EXPECT_EQ(take().offset, 5) << "the free stream takes it";
  give(0, 6);
  const auto six = ahead.get();
  ASSERT_NE(six, nullptr);
  EXPECT_EQ(six->task.ticket.offset, 6);
}

TEST_F(StreamsExchangeTest, HandsOutWhatWasDecodedInItsOrder) {
  give(0, 4);
  give(0, 5);
  const Ticket four = take();
  take();
  give(0, 6);
  give(0, 7);
  const auto six = exchange_.next_to_decode();
  const auto seven = exchange_.next_to_decode();
  seven->task.decoded.emplace();
  exchange_.decoded(*seven);
  exchange_.complete(four);
  auto next = std::async(std::launch::async, [this] { return std::get<Task>(exchange_.next().value()); });
  six->task.decoded.emplace().error = "six";
  exchange_.decoded(*six);
  const Task task = next.get();
  EXPECT_EQ(task.ticket.offset, 6);
  ASSERT_TRUE(task.decoded.has_value());
  EXPECT_EQ(task.decoded->error, "six");
  EXPECT_EQ(take().offset, 7);
}

TEST_F(StreamsExchangeTest, DecodesNoMoreAheadThanThereAreStreams) {
  for (std::int64_t offset = 4; offset < 10; ++offset) {
    give(0, offset);
  }
  take();
  take();
  EXPECT_EQ(exchange_.next_to_decode()->task.ticket.offset, 6);
  EXPECT_EQ(exchange_.next_to_decode()->task.ticket.offset, 7);
  auto third = std::async(std::launch::async, [this] { return exchange_.next_to_decode(); });
  exchange_.close();
  EXPECT_EQ(third.get(), nullptr);
}

TEST_F(StreamsExchangeTest, DropsWhatIsBeingDecodedOfALostPartition) {
  give(0, 4);
  give(0, 5);
  take();
  take();
  give(0, 6);
  give(1, 9);
  const auto six = exchange_.next_to_decode();
  exchange_.lose({0});
  six->task.decoded.emplace();
  exchange_.decoded(*six);
  EXPECT_EQ(take().offset, 9);
}

class FullExchangeTest : public ExchangeTest {
 protected:
  FullExchangeTest() : ExchangeTest({.unacknowledged_answers = 1, .first_retry = 1h, .last_retry = 1h}) {}
};

TEST_F(FullExchangeTest, TakesNoNewMessageWhileTooManyAnswersWait) {
  give(0, 4);
  EXPECT_TRUE(post(take()));
  give(0, 5);
  std::latch asked(1);
  auto work = std::async(std::launch::async, [&] {
    asked.count_down();
    return exchange_.next().has_value();
  });
  asked.wait();
  exchange_.close();
  EXPECT_FALSE(work.get());
}

TEST_F(FullExchangeTest, GoesOnOnceTheAnswerIsAcknowledged) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  give(0, 5);
  report(four);
  EXPECT_EQ(take().offset, 5);
}

TEST_F(FullExchangeTest, GoesOnOnceAnAnswerThatWaitedIsForgotten) {
  give(0, 4);
  const Ticket four = take();
  EXPECT_TRUE(post(four));
  report(four, "_MSG_TIMED_OUT");
  give(1, 9);
  auto next = std::async(std::launch::async, [this] { return take().offset; });
  EXPECT_EQ(pairs(exchange_.revoke({0}, 10ms)), Offsets{});
  EXPECT_EQ(next.wait_for(kLong), std::future_status::ready);
  exchange_.close();
  EXPECT_EQ(next.get(), 9);
}

}  // namespace
}  // namespace kexp::consumer
