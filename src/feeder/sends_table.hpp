#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "kexp/record/sends.hpp"

namespace kexp::feeder {

using record::Fate;

/// A row of sends.csv; times are Unix ns.
struct Send {
  std::uint64_t id = 0;
  std::int64_t bytes = 0;
  std::int64_t partition = -1;
  std::optional<std::int64_t> offset;
  std::int64_t intended_ns = 0;
  std::optional<std::int64_t> sent_ns;   ///< None when it was dropped.
  std::optional<std::int64_t> acked_ns;  ///< When the broker's answer came.
  Fate fate = Fate::unknown;

  [[nodiscard]] bool was_sent() const { return fate != Fate::dropped && sent_ns.has_value(); }
};

/// Visits the rows in their order. Those that make no sense are left out, and their lines told. A last line
/// that was torn when its writer was killed is no row. Errors: FailedError naming the file.
void read_sends_table(
    const std::filesystem::path& file, const std::function<void(const Send&)>& visit,
    const std::function<void(std::size_t line)>& unreadable = [](std::size_t) {});

}  // namespace kexp::feeder
