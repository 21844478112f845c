#include "kexp/core/sha256.hpp"

#include <array>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp {
namespace {

constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256Test, FollowsFips180) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), kAbc);
}

TEST(Sha256Test, PiecesGiveTheHashOfTheWhole) {
  Sha256 hash;
  hash.add("a");
  hash.add(std::array<std::uint8_t, 2>{'b', 'c'});

  EXPECT_EQ(hash.hex(), kAbc);
}

TEST(Sha256Test, NumbersAreLittleEndian) {
  Sha256 hash;
  hash.add_u64(0x0102030405060708);
  hash.add_u32(0x0a0b0c0d);

  // Python: hashlib.sha256(struct.pack("<QI", 0x0102030405060708, 0x0a0b0c0d))
  EXPECT_EQ(hash.hex(), "a44544a7f54162b32c1bbe3c62ffb3ca93005271ce5a343832467b145ad1c801");
}

TEST(Sha256Test, EndsOnce) {
  Sha256 hash;
  (void)hash.hex();
  EXPECT_THROW((void)hash.hex(), std::logic_error);
}

TEST(Sha256Test, OfAFileThatIsLongerThanAChunk) {
  const test::TempDir dir;
  const auto file = dir.write("f", std::string(1'000'000, 'x'));

  EXPECT_EQ(sha256_of_file(file), "1b977e9f84f1b26b6ed7f68b0498faee2385ea4125bd29adce4a7d9106ba3134");
}

TEST(Sha256Test, FileThatCannotBeReadIsNamed) {
  EXPECT_THAT(test::message_of<FailedError>([] { return sha256_of_file("/no/such/file"); }),
              ::testing::HasSubstr("/no/such/file"));
}

}  // namespace
}  // namespace kexp
