#include "kexp/dataset/dataset.hpp"

#include <numeric>

#include "kexp/core/sha256.hpp"

namespace kexp::dataset {

std::string Dataset::hash() const {
  Sha256 hash;
  for (const Item& item : items_) {
    hash.add_u64(item.bytes.size());
    hash.add(item.bytes);
  }
  return hash.hex();
}

std::uint64_t Dataset::total_bytes() const {
  return std::accumulate(items_.begin(), items_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Item& item) { return sum + item.bytes.size(); });
}

}  // namespace kexp::dataset
