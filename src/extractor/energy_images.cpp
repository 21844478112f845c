#include "energy_images.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> result_files(const fs::path& run) {
  return on_disk("read", [&] {
    std::vector<fs::path> files;
    if (fs::is_directory(run / "results")) {
      for (const fs::directory_entry& entry : fs::directory_iterator(run / "results")) {
        if (entry.path().extension() == ".csv") {
          files.push_back(entry.path());
        }
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  });
}

std::int64_t whole(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Answers of one file after the other; the first of an id counts.
class AnswerCounter {
 public:
  AnswerCounter(std::int64_t start_ms, std::int64_t end_ms) : start_ms_(start_ms), end_ms_(end_ms) {
    counts_.total = 0;
  }

  void read(const fs::path& file) {
    CsvReader reader(file, CsvReader::Tail::drop);
    if (!reader.next()) {
      return;
    }
    enum : std::size_t { id, node, pod, end_time, done_time };
    std::array<std::size_t, 5> columns{};
    for (std::size_t i = 0; const char* name : {"id", "node", "pod", "end_time", "done_time"}) {
      const auto position = reader.position(name);
      if (!position) {
        throw FailedError(fmt::format("{} has no column {}", file.string(), name));
      }
      columns[i++] = *position;
    }
    const std::size_t least = 1 + *std::max_element(columns.begin(), columns.end());
    while (reader.next()) {
      const auto& row = reader.row();
      if (row.size() >= least) {
        const std::int64_t done_ms = whole(row[columns[done_time]]);
        count(row[columns[id]], row[columns[node]], row[columns[pod]],
              done_ms > 0 ? done_ms : whole(row[columns[end_time]]));
      }
    }
  }

  [[nodiscard]] std::size_t answers() const { return seen_.size(); }
  [[nodiscard]] const ImageCounts& counts() const { return counts_; }

 private:
  void count(std::string_view id, std::string_view node, std::string_view pod, std::int64_t done_ms) {
    if (!seen_.emplace(id).second || done_ms < start_ms_ || done_ms > end_ms_) {
      return;
    }
    ++*counts_.total;
    ++counts_.by_pod[std::string(pod)];
    ++counts_.by_node[std::string(node)];
  }

  const std::int64_t start_ms_, end_ms_;
  std::unordered_set<std::string> seen_;
  ImageCounts counts_;
};

}  // namespace

ImageCounts count_images(const fs::path& run, std::int64_t start_ms, std::int64_t end_ms) {
  AnswerCounter counter(start_ms, end_ms);
  for (const fs::path& file : result_files(run)) {
    counter.read(file);
  }
  if (counter.answers() > 0) {
    return counter.counts();
  }
  const record::Ledger ledger = record::count_ledger(run);
  const bool by_offsets = ledger.tracked && !ledger.identities_checked;
  return {by_offsets ? std::optional(ledger.processed) : std::nullopt, {}, {}};
}

}  // namespace kexp::extractor
