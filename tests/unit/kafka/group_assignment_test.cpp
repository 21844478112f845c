#include "group_assignment.hpp"

#include <gmock/gmock.h>

namespace kexp::kafka {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Version 1, two topics: "in" with 0 and 258, "x" with none; no user data.
const std::vector<std::uint8_t> kAssignment = {0, 1, 0,   0, 0, 2, 0, 2,    'i',  'n',  0,
                                               0, 0, 2,   0, 0, 0, 0, 0,    0,    1,    2,
                                               0, 1, 'x', 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};

// Before 2.6.1 the cooperative assignor may loop for ever, on a core that the detector needs.
TEST(GroupAssignmentTest, IsCooperativeWhereTheLibraryIsSoundUnlessToldOtherwise) {
  using enum ConsumerOptions::Assignment;
  EXPECT_EQ(assignment_strategy(automatic, 0x020002ff), "range,roundrobin");
  EXPECT_EQ(assignment_strategy(automatic, 0x020600ff), "range,roundrobin");
  EXPECT_EQ(assignment_strategy(automatic, 0x020601ff), "cooperative-sticky");
  EXPECT_EQ(assignment_strategy(cooperative, 0x020002ff), "cooperative-sticky");
  EXPECT_EQ(assignment_strategy(eager, 0x020801ff), "range,roundrobin");
}

TEST(GroupAssignmentTest, ReadsTopicsAndPartitions) {
  EXPECT_THAT(parse_assignment(kAssignment),
              ElementsAre(AssignedPartition{"in", 0}, AssignedPartition{"in", 258}));
}

TEST(GroupAssignmentTest, IsEmptyWithoutOneAndWhenCutShort) {
  EXPECT_THAT(parse_assignment({}), IsEmpty());
  for (std::size_t size = 1; size < 22; ++size) {
    EXPECT_THAT(parse_assignment(std::span(kAssignment).first(size)), IsEmpty()) << size << " bytes";
  }
}

TEST(GroupAssignmentTest, SurvivesLengthsThatAreNotThere) {
  const std::vector<std::uint8_t> many = {0, 0, 0x7f, 0xff, 0xff, 0xff};
  const std::vector<std::uint8_t> negative = {0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  EXPECT_THAT(parse_assignment(many), IsEmpty());
  EXPECT_THAT(parse_assignment(negative), IsEmpty());
}

}  // namespace
}  // namespace kexp::kafka
