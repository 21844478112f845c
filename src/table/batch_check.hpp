#pragma once

#include <filesystem>

#include "kexp/table/table.hpp"

namespace kexp::table {

/// Throws std::logic_error naming `file` unless the batch has the schema's columns, all of one length.
void check_fits(const Batch& batch, const Schema& schema, const std::filesystem::path& file);

}  // namespace kexp::table
