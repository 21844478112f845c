#include "kexp/kafka/options.hpp"

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"

namespace kexp::kafka {
namespace {

using test::message_of;
using testing::HasSubstr;
using testing::Pair;

TEST(KafkaOptionsTest, SplitsAPropertyAtTheFirstEquals) {
  EXPECT_THAT(parse_property("linger.ms=5"), Pair("linger.ms", "5"));
  EXPECT_THAT(parse_property("sasl.jaas=a=b"), Pair("sasl.jaas", "a=b"));
  EXPECT_THAT(parse_property("debug="), Pair("debug", ""));
}

TEST(KafkaOptionsTest, RefusesAPropertyWithoutNameOrValue) {
  for (const char* text : {"linger.ms", "=5", ""}) {
    EXPECT_THAT(message_of<UsageError>([&] { return parse_property(text); }),
                HasSubstr("-X must be name=value"))
        << text;
  }
}

}  // namespace
}  // namespace kexp::kafka
