#include "frame_reader.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crc32c.hpp"
#include "support/chunk_writer.hpp"
#include "support/errors.hpp"

namespace kexp::prom {
namespace {

using namespace ::testing;
using test::message_of;

TEST(Crc32cTest, GivesTheValuesOfItsDefinition) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8a9136aaU);
  EXPECT_EQ(crc32c_by_table(bytes_of("123456789")), 0xe3069283U);
}

TEST(Crc32cTest, IsTheSameByInstructionAndByTable) {
  std::mt19937_64 random(3);
  std::string bytes;
  for (int size = 0; size < 200; ++size) {
    EXPECT_EQ(crc32c(bytes_of(bytes)), crc32c_by_table(bytes_of(bytes))) << size;
    bytes += static_cast<char>(random());
  }
}

class FrameReaderTest : public ::testing::Test {
 protected:
  /// Feeds `bytes` in pieces of `size`.
  void feed(const std::string& bytes, std::size_t size) {
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      reader_.feed(bytes_of(bytes.substr(at, size)));
    }
  }
  std::string refusal_of(const std::string& bytes) {
    return message_of<BadAnswer>([&] {
      reader_.feed(bytes_of(bytes));
      reader_.finish();
    });
  }

  std::vector<std::string> messages_;
  FrameReader reader_{[this](std::span<const std::byte> message) {
                        messages_.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
                      },
                      1000};
};

TEST_F(FrameReaderTest, ReadsMessagesHoweverTheyAreCut) {
  const std::vector<std::string> wanted = {"one", "", std::string(1000, 'x'), "four", std::string(300, 'y'),
                                           ""};
  std::string stream;
  for (const std::string& message : wanted) {
    stream += framed(message);
  }
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    messages_.clear();
    feed(stream, size);
    reader_.finish();
    ASSERT_THAT(messages_, ElementsAreArray(wanted)) << size;
  }
}

TEST_F(FrameReaderTest, KnowsThatAStreamEndsInAMessage) {
  const std::string stream = framed("one") + framed("two");
  for (std::size_t size = 1; size < stream.size(); ++size) {
    std::size_t whole = 0;
    FrameReader reader([&](std::span<const std::byte>) { ++whole; });
    reader.feed(bytes_of(stream.substr(0, size)));
    if (size == framed("one").size()) {
      reader.finish();
    } else {
      EXPECT_THROW(reader.finish(), BadAnswer) << size;
    }
    EXPECT_EQ(whole, size < framed("one").size() ? 0U : 1U);
  }
}

TEST_F(FrameReaderTest, RefusesEveryDamagedByte) {
  const std::string stream = framed("one message");
  for (std::size_t at = 0; at < stream.size(); ++at) {
    std::string damaged = stream;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    FrameReader reader([](std::span<const std::byte>) { ADD_FAILURE() << "took a damaged message"; });
    EXPECT_THROW(
        {
          reader.feed(bytes_of(damaged));
          reader.finish();
        },
        BadAnswer)
        << at;
  }
}

TEST_F(FrameReaderTest, RefusesGiantLengthsBeforeItMakesRoom) {
  EXPECT_THAT(refusal_of(framed(std::string(1001, 'x'))), HasSubstr("1001 bytes is above the limit of 1000"));
  EXPECT_THAT(refusal_of("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), HasSubstr("above the limit"));
  EXPECT_THAT(refusal_of(std::string(10, '\xff')), HasSubstr("no number"));
}

TEST_F(FrameReaderTest, EndsOnAnyBytes) {
  std::mt19937_64 random(17);
  for (int i = 0; i < 1'000; ++i) {
    std::string bytes(random() % 100, '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(random() % 4 == 0 ? random() : 0);
    }
    FrameReader reader([](std::span<const std::byte>) {});
    try {
      for (const char byte : bytes) {
        reader.feed(std::as_bytes(std::span(&byte, 1)));
      }
      reader.finish();
    } catch (const BadAnswer&) {  // The only way out.
    }
  }
}

}  // namespace
}  // namespace kexp::prom
