#pragma once

#include "kexp/dataset/stored.hpp"

#include "dataset_file.hpp"

namespace kexp::dataset {

struct StoredDataset::Impl {
  DatasetFile file;
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint64_t> checksums;  // As many: an image that is read again must be the same.
  std::string hash;
  std::uint64_t total_bytes = 0;

  void read_again(std::uint32_t sensor, std::span<const Wanted> neighbours);
  void keep_again(const Wanted& wanted, std::span<const std::uint8_t> bytes) const;
};

}  // namespace kexp::dataset
