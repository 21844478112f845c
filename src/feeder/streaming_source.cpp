#include "streaming_source.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <condition_variable>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kexp/core/error.hpp"

namespace kexp::feeder {
namespace {

constexpr double kReadAheadSeconds = 8;              // Of the peak rate.
constexpr std::uint64_t kLeastWindow = 128'000'000;  // Where memory allows.
constexpr std::uint64_t kMostSlots = 1 << 20;        // Of small images, whose bytes limit nothing.
constexpr std::uint64_t kBatchBytes = 4'000'000;     // Read at once.
constexpr std::size_t kBatchImages = 1024;

using Memory = std::unique_ptr<std::uint8_t[]>;

/// The images of the plan that one shard sends, by their position among them.
class ShardOrder {
 public:
  ShardOrder(const cycle::Plan& plan, const Shard& shard) : images_(plan.images()), shard_(shard) {}
  [[nodiscard]] std::uint64_t count() const {
    return static_cast<std::uint64_t>(shard_.share_of(static_cast<std::int64_t>(images_.size())));
  }
  [[nodiscard]] std::uint64_t position(std::uint64_t id) const { return id / shard_.of; }
  [[nodiscard]] const cycle::PlannedImage& at(std::uint64_t position) const {
    return images_[shard_.first() + position * shard_.of];
  }

 private:
  const std::vector<cycle::PlannedImage>& images_;
  const Shard shard_;
};

/// Images are read in the order of the plan, so one number says which of them are there: those before
/// `read_until_`, each in the slot of its position modulo the number of slots.
class StreamingSource final : public ImageSource {
 public:
  StreamingSource(const cycle::Plan& plan, dataset::StoredDataset dataset, const Shard& shard,
                  std::uint64_t window_bytes)
      : order_(plan, shard),
        window_bytes_(window_bytes),
        refill_below_(window_bytes -
                      std::min(window_bytes, std::max(window_bytes / 4, plan.largest_image()))),
        dataset_(std::move(dataset)),
        slots_(std::min(std::bit_ceil(order_.count()), kMostSlots)),
        reader_([this](const std::stop_token& stop) { run(stop); }) {}

  ~StreamingSource() override {
    reader_.request_stop();
    reader_.join();
    for (std::atomic<std::uint8_t*>& slot : slots_) {
      const Memory freed(slot.load(std::memory_order_relaxed));
    }
  }

  [[nodiscard]] std::optional<std::span<const std::uint8_t>> get(std::uint64_t id) override {
    const std::uint64_t position = order_.position(id);
    if (position < read_until_.load(std::memory_order_acquire)) {
      return std::span<const std::uint8_t>(slot(position).load(std::memory_order_relaxed),
                                           order_.at(position).bytes);
    }
    throw_failure();
    return std::nullopt;
  }

  void release(std::uint64_t id) override {
    const std::uint64_t position = order_.position(id);
    Memory freed;  // Given back after the lock.
    const std::lock_guard lock(mutex_);
    if (position >= read_until_.load(std::memory_order_relaxed)) {
      unwanted_.insert(position);  // Dropped before it was read.
      return;
    }
    freed.reset(slot(position).exchange(nullptr, std::memory_order_relaxed));
    used_bytes_ -= order_.at(position).bytes;
    if (awaited_ && can_refill(*awaited_)) {
      changed_.notify_all();
    }
  }

  /// Waits until there is no room for more, or on stop.
  void wait_until_full(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, std::move(stop), [this] { return was_full_; });
    throw_failure();
  }

 private:
  /// Images that are read at once.
  struct Batch {
    std::uint64_t end = 0;  ///< The position after it.
    std::uint64_t bytes = 0;
    std::vector<std::uint64_t> positions;
    std::vector<Memory> memory;                          // As many.
    std::vector<dataset::StoredDataset::Wanted> wanted;  // As many.
  };

  std::atomic<std::uint8_t*>& slot(std::uint64_t position) { return slots_[position & (slots_.size() - 1)]; }
  [[nodiscard]] bool is_free(std::uint64_t position) {
    return slot(position).load(std::memory_order_relaxed) == nullptr;
  }
  [[nodiscard]] bool has_room(std::uint64_t position) {
    return is_free(position) &&
           (used_bytes_ == 0 || used_bytes_ + order_.at(position).bytes <= window_bytes_);
  }
  /// After the window was full: not for each image that leaves it.
  [[nodiscard]] bool can_refill(std::uint64_t position) {
    return is_free(position) && used_bytes_ <= refill_below_;
  }

  void throw_failure() const {
    if (failed_.load(std::memory_order_acquire)) {
      throw FailedError(failure_);
    }
  }

  void run(const std::stop_token& stop) noexcept {
    try {
      for (Batch batch = next_batch(stop); batch.end > 0; batch = next_batch(stop)) {
        dataset_.read(batch.wanted);
        publish(batch);
      }
    } catch (const std::bad_alloc&) {
      fail("no memory left for the images that are read ahead: give less --dataset-memory");
    } catch (const std::exception& e) {
      fail(e.what());
    }
    const std::lock_guard lock(mutex_);
    was_full_ = true;
    changed_.notify_all();
  }

  void fail(std::string_view why) {
    failure_ = why;
    failed_.store(true, std::memory_order_release);
  }

  /// The next images for which there is room; waits for it. None on stop and at the end.
  [[nodiscard]] Batch next_batch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const std::uint64_t begin = read_until_.load(std::memory_order_relaxed);
    if (begin == order_.count() || !wait_for_room(lock, begin, stop)) {
      return {};
    }
    Batch batch;
    batch.end = begin;
    while (batch.end < order_.count() && batch.bytes < kBatchBytes && batch.end - begin < kBatchImages &&
           has_room(batch.end)) {
      if (unwanted_.erase(batch.end) == 0) {
        batch.positions.push_back(batch.end);
        batch.bytes += order_.at(batch.end).bytes;
        used_bytes_ += order_.at(batch.end).bytes;
      }
      ++batch.end;
    }
    lock.unlock();
    allocate(batch);
    return batch;
  }

  [[nodiscard]] bool wait_for_room(std::unique_lock<std::mutex>& lock, std::uint64_t position,
                                   const std::stop_token& stop) {
    if (has_room(position)) {
      return !stop.stop_requested();
    }
    was_full_ = true;
    changed_.notify_all();
    awaited_ = position;
    const bool has_come = changed_.wait(lock, stop, [&] { return can_refill(position); });
    awaited_.reset();
    return has_come;
  }

  void allocate(Batch& batch) const {
    for (const std::uint64_t position : batch.positions) {
      const cycle::PlannedImage& image = order_.at(position);
      batch.memory.push_back(std::make_unique_for_overwrite<std::uint8_t[]>(image.bytes));
      batch.wanted.push_back({image.dataset_index, {batch.memory.back().get(), image.bytes}});
    }
  }

  void publish(Batch& batch) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < batch.positions.size(); ++i) {
      const std::uint64_t position = batch.positions[i];
      if (unwanted_.erase(position) > 0) {
        used_bytes_ -= order_.at(position).bytes;  // Dropped while it was read.
      } else {
        slot(position).store(batch.memory[i].release(), std::memory_order_relaxed);
      }
    }
    read_until_.store(batch.end, std::memory_order_release);
  }

  const ShardOrder order_;
  const std::uint64_t window_bytes_;
  const std::uint64_t refill_below_;
  dataset::StoredDataset dataset_;  // Of the reading thread.
  std::vector<std::atomic<std::uint8_t*>> slots_;
  std::atomic<std::uint64_t> read_until_ = 0;
  std::string failure_;  // Written before failed_.
  std::atomic<bool> failed_ = false;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t used_bytes_ = 0;                // Guarded by mutex_, as are the next three.
  std::unordered_set<std::uint64_t> unwanted_;  // Released before they were read.
  std::optional<std::uint64_t> awaited_;        // What the reading thread wants room for.
  bool was_full_ = false;
  std::jthread reader_;  // Last member.
};

}  // namespace

std::unique_ptr<ImageSource> make_streaming_source(const cycle::Plan& plan, dataset::StoredDataset dataset,
                                                   const Shard& shard, std::uint64_t window_bytes,
                                                   std::stop_token stop) {
  auto source = std::make_unique<StreamingSource>(plan, std::move(dataset), shard, window_bytes);
  source->wait_until_full(std::move(stop));
  return source;
}

std::uint64_t window_for(const cycle::Plan& plan, const Shard& shard, std::uint64_t memory_bytes) {
  const auto ahead = static_cast<std::uint64_t>(kReadAheadSeconds * plan.peak_bytes_per_s() / shard.of);
  const std::uint64_t wanted = std::min(std::max(ahead, kLeastWindow), plan.total_bytes() / shard.of);
  return std::max(std::min(wanted, memory_bytes), 2 * plan.largest_image());
}

}  // namespace kexp::feeder
