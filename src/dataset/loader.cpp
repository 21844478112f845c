#include <algorithm>
#include <limits>

#include "kexp/dataset/dataset.hpp"
#include "kexp/dataset/stored.hpp"

#include "checksum.hpp"
#include "dataset_file.hpp"
#include "images_hash.hpp"
#include "stored.hpp"

namespace kexp::dataset {

namespace {

/// Large enough that the system gives the memory and takes it back, whatever was freed before; what is never
/// written of it is never there.
constexpr std::size_t kBlockBytes = 64 << 20;

}  // namespace

/// The one pass over a file: its hash, the images' sizes, and the images themselves while they fit.
class Loader {
 public:
  Loader(const std::filesystem::path& file, std::string_view flag, std::uint64_t memory_bytes)
      : impl_(new StoredDataset::Impl{DatasetFile(file, flag), {}, {}, {}, 0}), memory_bytes_(memory_bytes) {
    impl_->sizes.reserve(impl_->file.places().size());
    impl_->checksums.reserve(impl_->file.places().size());
    ImagesHash hash;
    impl_->file.visit([&](const Place& place, std::span<const std::uint8_t> bytes) {
      hash.add(bytes);
      note(bytes);
      if (fits_) {
        keep(place, bytes);
      }
    });
    impl_->hash = hash.hex();
  }

  [[nodiscard]] bool fits() const { return fits_; }

  [[nodiscard]] Dataset in_memory() && {
    dataset_.sensors_ = impl_->file.sensors();
    dataset_.frames_ = impl_->file.frames();
    dataset_.hash_ = impl_->hash;
    dataset_.total_bytes_ = impl_->total_bytes;
    return std::move(dataset_);
  }
  [[nodiscard]] StoredDataset in_file() && { return StoredDataset(std::move(impl_)); }

 private:
  void note(std::span<const std::uint8_t> bytes) {
    impl_->sizes.push_back(bytes.size());
    impl_->checksums.push_back(checksum(bytes));
    impl_->total_bytes += bytes.size();
    if (fits_ && impl_->total_bytes > memory_bytes_) {
      fits_ = false;
      dataset_ = Dataset();
    }
  }

  void keep(const Place& place, std::span<const std::uint8_t> bytes) {
    if (free_.size() < bytes.size()) {
      const std::size_t size = std::max(kBlockBytes, bytes.size());
      free_ = {dataset_.blocks_.emplace_back(std::make_unique_for_overwrite<std::uint8_t[]>(size)).get(),
               size};
    }
    std::copy(bytes.begin(), bytes.end(), free_.begin());
    dataset_.items_.push_back({free_.first(bytes.size()), place.sensor, impl_->file.frame_of(place)});
    free_ = free_.subspan(bytes.size());
  }

  std::unique_ptr<StoredDataset::Impl> impl_;
  const std::uint64_t memory_bytes_;
  bool fits_ = true;
  Dataset dataset_;
  std::span<std::uint8_t> free_;  // Of the last block.
};

Dataset Dataset::read(const std::filesystem::path& file, std::string_view flag) {
  return Loader(file, flag, std::numeric_limits<std::uint64_t>::max()).in_memory();
}

StoredDataset StoredDataset::open(const std::filesystem::path& file, std::string_view flag) {
  return Loader(file, flag, 0).in_file();
}

std::variant<Dataset, StoredDataset> read_within(std::uint64_t memory_bytes,
                                                 const std::filesystem::path& file, std::string_view flag) {
  Loader loader(file, flag, memory_bytes);
  if (loader.fits()) {
    return std::move(loader).in_memory();
  }
  return std::move(loader).in_file();
}

}  // namespace kexp::dataset
