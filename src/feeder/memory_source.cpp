#include "memory_source.hpp"

namespace kexp::feeder {
namespace {

class MemorySource final : public ImageSource {
 public:
  MemorySource(const cycle::Plan& plan, const dataset::Dataset& dataset)
      : images_(plan.images()), items_(dataset.items()) {}

  [[nodiscard]] std::optional<std::span<const std::uint8_t>> get(std::uint64_t id) override {
    return items_[images_[id].dataset_index].bytes;
  }
  void release(std::uint64_t /*id*/) override {}

 private:
  const std::vector<cycle::PlannedImage>& images_;
  const std::vector<dataset::Dataset::Item>& items_;
};

}  // namespace

std::unique_ptr<ImageSource> make_memory_source(const cycle::Plan& plan, const dataset::Dataset& dataset) {
  return std::make_unique<MemorySource>(plan, dataset);
}

}  // namespace kexp::feeder
