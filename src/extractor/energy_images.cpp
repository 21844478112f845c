#include "energy_images.hpp"

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/record/id_table.hpp"
#include "kexp/record/result_files.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::extractor {

namespace {

/// Where no answers are sent.
std::optional<std::int64_t> counted_by_offsets(const std::filesystem::path& run) {
  const record::Ledger ledger = record::count_ledger(run);
  return ledger.tracked && !ledger.identities_checked ? std::optional(ledger.processed) : std::nullopt;
}

}  // namespace

ImageCounts count_images(const std::filesystem::path& run, std::int64_t start_ms, std::int64_t end_ms) {
  ImageCounts counts;
  record::IdTable seen;
  std::int64_t total = 0;
  bool has_answers = false;
  const auto count = [&](const record::Result& answer, const record::Reception&) {
    has_answers = true;
    const double done_ms = record::done_ms(answer);
    std::uint8_t& is_seen = seen[answer.id];
    if (is_seen == 0 && done_ms >= static_cast<double>(start_ms) && done_ms <= static_cast<double>(end_ms)) {
      ++total;
      ++counts.by_pod[answer.pod];
      ++counts.by_node[answer.node];
    }
    is_seen = 1;
  };
  const record::UnreadableRows unreadable = record::read_results(run, count);
  if (!has_answers && unreadable.count > 0) {
    throw FailedError(fmt::format("{} is no row of results, and none is", (run / unreadable.first).string()));
  }
  counts.total = has_answers ? std::optional(total) : counted_by_offsets(run);
  return counts;
}

}  // namespace kexp::extractor
