#include "kexp/record/id_table.hpp"

#include <gtest/gtest.h>

namespace kexp::test {
namespace {

using record::IdTable;

std::vector<std::string> ids_of(const IdTable& table) {
  std::vector<std::string> ids;
  table.for_each([&](const std::string& id, std::uint8_t) { ids.push_back(id); });
  return ids;
}

TEST(IdTableTest, KeepsTheFlagsOfAnId) {
  IdTable table;
  table["7"] |= 1;
  table["7"] |= 4;
  EXPECT_EQ(table.flags("7"), 5);
  EXPECT_EQ(table.flags("8"), 0);
}

TEST(IdTableTest, AskingForFlagsMakesNoEntry) {
  IdTable table;
  EXPECT_EQ(table.flags("3-17"), 0);
  EXPECT_TRUE(ids_of(table).empty());
}

TEST(IdTableTest, VisitsNumbersInOrderThenTheOthers) {
  IdTable table;
  for (const char* id : {"frame b", "12", "3-17", "2", "frame a"}) {
    table[id] = 1;
  }
  EXPECT_EQ(ids_of(table), (std::vector<std::string>{"2", "12", "3-17", "frame a", "frame b"}));
}

TEST(IdTableTest, TextsThatAreTheSameNumberAreDifferentIds) {
  IdTable table;
  table["7"] = 1;
  for (const char* other : {"07", " 7", "7.0", "+7", "-7", "7\n", ""}) {
    EXPECT_EQ(table.flags(other), 0) << other;
    table[other] = 2;
  }
  EXPECT_EQ(table.flags("7"), 1);
  EXPECT_EQ(ids_of(table).size(), 8U);
}

TEST(IdTableTest, TakesNumbersOfAnyLength) {
  IdTable table;
  for (const char* id : {"67108863", "67108864", "99999999", "18446744073709551617"}) {
    table[id] = 3;
  }
  for (const char* id : {"67108863", "67108864", "99999999", "18446744073709551617"}) {
    EXPECT_EQ(table.flags(id), 3) << id;
  }
}

}  // namespace
}  // namespace kexp::test
