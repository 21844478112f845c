#pragma once

#include <span>
#include <string>

#include <parquet/properties.h>

#include "arrow_abi.hpp"

namespace kexp::table {

/// Compression and sizes of pages of every file.
[[nodiscard]] parquet::WriterProperties::Builder common_properties();

/// How the float64 column `name` is written; `encoding` is not `best`.
void set_encoding(parquet::WriterProperties::Builder& properties, const std::string& name,
                  ArrowEncoding encoding);

/// The encoding that makes `values` smallest, found by trying.
[[nodiscard]] ArrowEncoding smallest_encoding(std::span<const double> values);

}  // namespace kexp::table
