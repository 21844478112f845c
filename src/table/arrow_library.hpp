#pragma once

#include <vector>

#include "kexp/table/table.hpp"

#include "arrow_abi.hpp"

namespace kexp::table {

/// The functions of kexp_arrow.so, loaded on first use. Errors: UsageError saying how to get it.
[[nodiscard]] const ArrowApi& arrow();

/// `schema` for the module; it outlives the result.
[[nodiscard]] std::vector<ArrowColumn> arrow_columns(const Schema& schema);

}  // namespace kexp::table
