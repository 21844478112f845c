#include "offset_ledger.hpp"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>

namespace kexp::consumer {
namespace {

using Offsets = std::vector<std::pair<std::int32_t, std::int64_t>>;

class OffsetLedgerTest : public testing::Test {
 protected:
  OffsetLedgerTest() { ledger_.assign({0, 1}); }

  Ticket take(std::int32_t partition, std::int64_t offset) {
    const auto ticket = ledger_.take(partition, offset);
    EXPECT_TRUE(ticket.has_value());
    return ticket.value_or(Ticket{});
  }
  Offsets storable() {
    Offsets offsets;
    for (const kafka::PartitionOffset& next : ledger_.take_storable()) {
      offsets.emplace_back(next.partition, next.offset);
    }
    return offsets;
  }

  OffsetLedger ledger_;
};

TEST_F(OffsetLedgerTest, StoresNothingBeforeAnythingIsDone) {
  take(0, 4);
  EXPECT_EQ(storable(), Offsets{});
}

TEST_F(OffsetLedgerTest, StoresNothingPastFourWhenFiveIsDoneFirst) {
  const Ticket four = take(0, 4);
  const Ticket five = take(0, 5);
  ledger_.done(five);
  EXPECT_EQ(storable(), Offsets{});
  ledger_.done(four);
  EXPECT_EQ(storable(), (Offsets{{0, 6}}));
}

TEST_F(OffsetLedgerTest, SaysEachChangeOnce) {
  ledger_.done(take(0, 4));
  EXPECT_EQ(storable(), (Offsets{{0, 5}}));
  EXPECT_EQ(storable(), Offsets{});
}

TEST_F(OffsetLedgerTest, CountsEachPartitionForItself) {
  const Ticket held = take(0, 10);
  ledger_.done(take(1, 20));
  EXPECT_EQ(storable(), (Offsets{{1, 21}}));
  ledger_.done(held);
  EXPECT_EQ(storable(), (Offsets{{0, 11}}));
}

TEST_F(OffsetLedgerTest, TakesOffsetsThatNeverComeForNoGap) {
  const Ticket first = take(0, 3);
  const Ticket second = take(0, 90);  // 4 to 89 were compacted away.
  ledger_.done(first);
  ledger_.done(second);
  EXPECT_EQ(storable(), (Offsets{{0, 91}}));
}

TEST_F(OffsetLedgerTest, GivesNoTicketForAPartitionOfOthers) {
  EXPECT_FALSE(ledger_.take(7, 0).has_value());
  ledger_.forget({0});
  EXPECT_FALSE(ledger_.take(0, 0).has_value());
}

TEST_F(OffsetLedgerTest, CountsDoneTwiceOnce) {
  const Ticket four = take(0, 4);
  take(0, 5);
  ledger_.done(four);
  ledger_.done(four);
  EXPECT_EQ(storable(), (Offsets{{0, 5}}));
}

TEST_F(OffsetLedgerTest, IgnoresAnAnswerOfAnAssignmentThatEnded) {
  const Ticket old = take(0, 4);
  ledger_.forget({0});
  ledger_.done(old);
  EXPECT_EQ(storable(), Offsets{});

  ledger_.assign({0});
  const Ticket again = take(0, 4);
  EXPECT_FALSE(ledger_.is_current(old));
  EXPECT_TRUE(ledger_.is_current(again));
  ledger_.done(old);  // Same offset, but the new owner's answer is still missing.
  EXPECT_EQ(storable(), Offsets{});
}

TEST_F(OffsetLedgerTest, GoesBackWithARewoundPartition) {
  ledger_.done(take(0, 8));
  const Ticket nine = take(0, 9);
  const Ticket seven = take(0, 7);  // The log was made anew: 7 to 9 are other messages now.
  ledger_.done(nine);
  EXPECT_EQ(storable(), (Offsets{{0, 7}}));
  ledger_.done(seven);
  EXPECT_EQ(storable(), (Offsets{{0, 8}}));
}

TEST_F(OffsetLedgerTest, KeepsWhatIsOpenBeforeTheRewind) {
  const Ticket five = take(0, 5);
  take(0, 6);
  const Ticket six = take(0, 6);
  ledger_.done(six);
  EXPECT_EQ(storable(), Offsets{});
  ledger_.done(five);
  EXPECT_EQ(storable(), (Offsets{{0, 7}}));
}

// Whatever the order of the answers: what may be stored never passes a message that is not done, and ends
// behind the last one.
TEST_F(OffsetLedgerTest, StoresExactlyThePrefixForRandomOrders) {
  std::mt19937 random(4711);
  for (int round = 0; round < 500; ++round) {
    OffsetLedger ledger;
    ledger.assign({0});
    std::vector<Ticket> tickets;
    std::int64_t offset = std::uniform_int_distribution<std::int64_t>(0, 1000)(random);
    for (int i = std::uniform_int_distribution<int>(1, 40)(random); i > 0; --i) {
      tickets.push_back(*ledger.take(0, offset));
      offset += std::uniform_int_distribution<std::int64_t>(1, 3)(random);
    }
    std::vector<Ticket> order = tickets;
    std::shuffle(order.begin(), order.end(), random);
    std::vector<bool> done(tickets.size(), false);
    std::int64_t stored = -1;
    for (const Ticket& ticket : order) {
      ledger.done(ticket);
      done[static_cast<std::size_t>(ticket.number - tickets.front().number)] = true;
      for (const kafka::PartitionOffset& next : ledger.take_storable()) {
        EXPECT_GT(next.offset, stored);
        stored = next.offset;
      }
      const auto open = static_cast<std::size_t>(std::find(done.begin(), done.end(), false) - done.begin());
      EXPECT_EQ(stored, open == 0 ? -1 : tickets[open - 1].offset + 1);
    }
    EXPECT_EQ(stored, tickets.back().offset + 1);
  }
}

}  // namespace
}  // namespace kexp::consumer
