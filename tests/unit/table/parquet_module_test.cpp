#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/table/table.hpp"

#include "support/errors.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp::table {
namespace {

using test::message_of;
using test::ScopedEnv;
using test::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ParquetModuleTest : public testing::Test {
 protected:
  TempDir folder_;
  ScopedEnv lib_dir_{"KEXP_LIB_DIR", folder_.path().string()};
};

TEST_F(ParquetModuleTest, WithoutItTheCureIsNamedAndNothingIsWritten) {
  const TempDir dir;
  EXPECT_THAT(message_of<UsageError>([] { require_parquet(); }),
              AllOf(HasSubstr("kexp_arrow.so"), HasSubstr("scripts/bootstrap.sh")));
  EXPECT_THROW(static_cast<void>(make_parquet_writer(dir / "t.parquet", {{"a", ColumnType::int64}})),
               UsageError);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  EXPECT_EQ(parquet_module(), std::nullopt);
}

TEST_F(ParquetModuleTest, AModuleThatCannotBeLoadedIsNamed) {
  folder_.write("kexp_arrow.so", "no library");
  EXPECT_EQ(parquet_module(), folder_ / "kexp_arrow.so");
  EXPECT_THAT(message_of<UsageError>([] { require_parquet(); }), HasSubstr("kexp_arrow.so"));
}

}  // namespace
}  // namespace kexp::table
