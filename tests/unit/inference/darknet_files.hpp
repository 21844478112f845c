#pragma once

#include <filesystem>
#include <string>

#include "support/temp_dir.hpp"

namespace kexp::test {

/// A Darknet model in a folder: tiny.cfg, tiny.weights and tiny.names (two labels).
///
/// It has every kind of layer that is converted, and random weights: 64x64 in, 2 heads of 4x4 and 8x8 cells.
struct DarknetModelFiles {
  std::filesystem::path cfg, weights, names;
};
DarknetModelFiles write_darknet_model(const TempDir& dir);

/// The same with `from` in the cfg replaced by `to`.
DarknetModelFiles write_darknet_model(const TempDir& dir, const std::string& from, const std::string& to);

/// How many numbers its weights file holds, and the bytes of its header.
inline constexpr std::size_t kDarknetNumbers = 3658;
inline constexpr std::size_t kDarknetHeader = 20;

}  // namespace kexp::test
