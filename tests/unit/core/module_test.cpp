#include "kexp/core/module.hpp"

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/core/version.hpp"

#include "support/errors.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(ModuleTest, IsWhereTheVariableSays) {
  const TempDir dir;
  const ScopedEnv folder("KEXP_LIB_DIR", dir.path().string());

  EXPECT_EQ(find_module("kexp_some.so"), std::nullopt);
  dir.write("kexp_some.so", "");
  EXPECT_EQ(find_module("kexp_some.so"), dir / "kexp_some.so");
}

TEST(ModuleTest, WhatCannotBeLoadedIsNamedWithTheCause) {
  const TempDir dir;
  const auto file = dir.write("kexp_some.so", "no library");

  EXPECT_THAT(message_of<UsageError>([&] { return module_function(file, "entry"); }),
              testing::AllOf(HasSubstr(file.string() + " cannot be loaded: "), HasSubstr("file too short")));
}

TEST(ModuleTest, ALibraryWithoutTheFunctionIsOfAnotherVersion) {
  EXPECT_THAT(message_of<UsageError>([] { return module_function("libc.so.6", "kexp_nothing"); }),
              HasSubstr("libc.so.6 belongs to another version of kexp"));
}

TEST(BuildIdTest, IsThatOfTheExecutableOrLibraryWithTheAddress) {
  const std::string own = build_id(reinterpret_cast<const void*>(&build_id));
  const std::string of_libc = build_id(module_function("libc.so.6", "getpid"));

  EXPECT_THAT(own, MatchesRegex("([0-9a-f][0-9a-f])+"));
  EXPECT_THAT(of_libc, MatchesRegex("([0-9a-f][0-9a-f])+"));
  EXPECT_NE(own, of_libc);
}

TEST(BuildIdTest, IsEmptyForNobodysAddress) { EXPECT_EQ(build_id(nullptr), ""); }

}  // namespace
}  // namespace kexp::test
