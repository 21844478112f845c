#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>

#include "kexp/cycle/plan.hpp"
#include "kexp/dataset/stored.hpp"
#include "kexp/feeder/feeder.hpp"

#include "image_source.hpp"

namespace kexp::feeder {

/// Images read from their file by a thread of its own, ahead of the plan and in its order (of those that
/// `shard` sends), at most `window_bytes` in memory at a time, but for one that is larger.
///
/// Returns when the window is full, so that nothing is late because it was not read yet, or on stop.
/// `plan` outlives the source; HDF5 serves one thread at a time, so nobody else uses it meanwhile.
/// Errors: FailedError when the file can no longer be read.
[[nodiscard]] std::unique_ptr<ImageSource> make_streaming_source(const cycle::Plan& plan,
                                                                 dataset::StoredDataset dataset,
                                                                 const Shard& shard,
                                                                 std::uint64_t window_bytes,
                                                                 std::stop_token stop);

/// What a window must hold to play `plan`: images of 8 s of its peak rate (of this shard), at least 128 MB
/// and at most all of them, within `memory_bytes`; but two of the largest whatever that is.
[[nodiscard]] std::uint64_t window_for(const cycle::Plan& plan, const Shard& shard,
                                       std::uint64_t memory_bytes);

}  // namespace kexp::feeder
