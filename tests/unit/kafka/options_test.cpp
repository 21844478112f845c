#include "kexp/kafka/options.hpp"

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"

namespace kexp::kafka {
namespace {

using test::message_of;
using testing::HasSubstr;
using testing::Not;
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

TEST(KafkaOptionsTest, DoesNotRepeatWhatMayBeASecret) {
  for (const char* text : {"sasl.password:hunter2", "sasl.password hunter2", "=hunter2"}) {
    EXPECT_THAT(message_of<UsageError>([&] { return parse_property(text); }), Not(HasSubstr("hunter2")))
        << text;
  }
}

TEST(KafkaOptionsTest, ShowsNoSecret) {
  for (const char* name : {"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
                           "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config"}) {
    EXPECT_EQ(shown_value(name, "hunter2"), "***") << name;
  }
  EXPECT_EQ(shown_value("sasl.username", "feeder"), "feeder");
}

}  // namespace
}  // namespace kexp::kafka
