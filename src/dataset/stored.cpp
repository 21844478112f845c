#include "stored.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "checksum.hpp"
#include "hdf5.hpp"

namespace kexp::dataset {

StoredDataset::StoredDataset(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoredDataset::StoredDataset(StoredDataset&&) noexcept = default;
StoredDataset& StoredDataset::operator=(StoredDataset&&) noexcept = default;
StoredDataset::~StoredDataset() = default;

const std::vector<std::uint64_t>& StoredDataset::sizes() const { return impl_->sizes; }
const std::string& StoredDataset::hash() const { return impl_->hash; }
std::uint64_t StoredDataset::total_bytes() const { return impl_->total_bytes; }

void StoredDataset::read(std::span<const Wanted> wanted) {
  silence_hdf5();  // Of this thread, which need not be the one that opened the file.
  const std::vector<Place>& places = impl_->file.places();
  const auto place_of = [&](const Wanted& image) -> const Place& { return places[image.image]; };
  std::vector<Wanted> in_file_order(wanted.begin(), wanted.end());
  std::sort(in_file_order.begin(), in_file_order.end(), [&](const Wanted& a, const Wanted& b) {
    return std::pair(place_of(a).sensor, place_of(a).element) <
           std::pair(place_of(b).sensor, place_of(b).element);
  });
  const auto are_neighbours = [&](const Wanted& a, const Wanted& b) {
    return place_of(a).sensor == place_of(b).sensor && place_of(a).element + 1 == place_of(b).element;
  };
  for (auto first = in_file_order.begin(); first != in_file_order.end();) {
    auto last = first;
    while (last + 1 != in_file_order.end() && are_neighbours(*last, *(last + 1))) {
      ++last;
    }
    impl_->read_again(place_of(*first).sensor, {first, last + 1});
    first = last + 1;
  }
}

void StoredDataset::Impl::read_again(std::uint32_t sensor, std::span<const Wanted> neighbours) {
  while (!neighbours.empty()) {
    std::span<const std::span<const std::uint8_t>> images;
    try {
      images =
          file.images_of(sensor).read(file.places()[neighbours.front().image].element, neighbours.size());
    } catch (const UsageError& e) {  // It was sound when the dataset was opened.
      throw FailedError(fmt::format("cannot be read any more: {}", e.what()));
    }
    for (std::size_t i = 0; i < images.size(); ++i) {
      keep_again(neighbours[i], images[i]);
    }
    neighbours = neighbours.subspan(images.size());
  }
}

void StoredDataset::Impl::keep_again(const Wanted& wanted, std::span<const std::uint8_t> bytes) const {
  if (bytes.size() != wanted.memory.size() || checksum(bytes) != checksums[wanted.image]) {
    const Place& place = file.places()[wanted.image];
    throw FailedError(fmt::format("{}: sensor {}, frame {}: the image is no longer what it was", file.name(),
                                  file.sensors()[place.sensor], file.frame_of(place)));
  }
  std::copy(bytes.begin(), bytes.end(), wanted.memory.begin());
}

}  // namespace kexp::dataset
