#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/result_files.hpp"

#include "columns.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;
using Row = std::vector<std::string_view>;

// Empty where it was not measured.
bool parse_measured(std::string_view text, double& into) {
  into = 0;
  return text.empty() || parse(text, into);
}

// Of what statistics need, in this order.
const std::vector<std::string_view> kTimeColumns = {"id",
                                                    "errors",
                                                    "idle",
                                                    "pre",
                                                    "inf",
                                                    "post",
                                                    "queue",
                                                    "start_time",
                                                    "end_time",
                                                    "decode",
                                                    "done_time",
                                                    "received_ms",
                                                    "answer_partition",
                                                    "answer_offset",
                                                    "node",
                                                    "pod"};

bool read_times(const Row& fields, Result& r, Reception& reception) {
  r.id = fields[0];
  r.node = fields[14];
  r.pod = fields[15];
  return parse(fields[1], r.errors) && parse(fields[2], r.idle_ms) && parse_measured(fields[3], r.pre_ms) &&
         parse_measured(fields[4], r.inf_ms) && parse_measured(fields[5], r.post_ms) &&
         parse(fields[6], r.queue_ms) && parse(fields[7], r.start_time_ms) &&
         parse(fields[8], r.end_time_ms) && parse_measured(fields[9], r.decode_ms) &&
         parse(fields[10], r.done_time_ms) && parse(fields[11], reception.received_ms) &&
         parse(fields[12], reception.partition) && parse(fields[13], reception.offset);
}

// What tells answers apart and who gave them; in the columns of earlier_result_header(), with which
// result_header() begins.
struct WholeRow {
  Result result;
  Reception reception;
  std::size_t detections = 0;
};

std::optional<WholeRow> read_whole(const Row& row) {
  WholeRow whole;
  Result& r = whole.result;
  r.model = row[1];
  r.run = row[12];
  r.engine = row[15];
  const Row times = {row[10], row[11], row[3],  row[4],  row[5],  row[6],  row[7],  row[8],
                     row[9],  row[21], row[23], row[24], row[26], row[27], row[13], row[14]};
  const bool is_row =
      read_times(times, r, whole.reception) && parse(row[16], r.threads) && parse(row[25], whole.detections);
  return is_row ? std::optional(std::move(whole)) : std::nullopt;
}

std::optional<ResultDetection> read_detection(const Row& row, std::string_view id) {
  ResultDetection d;
  const bool is_row = row.size() == 8 && row[0] == id && parse(row[1], d.class_id) &&
                      parse(row[3], d.confidence) && parse(row[4], d.box[0]) && parse(row[5], d.box[1]) &&
                      parse(row[6], d.box[2]) && parse(row[7], d.box[3]);
  if (!is_row) {
    return std::nullopt;
  }
  d.label = row[2];
  return d;
}

// A quoted text may hold line ends.
std::size_t lines_of(const Row& row) {
  std::size_t lines = 1;
  for (const std::string_view field : row) {
    lines += static_cast<std::size_t>(std::count(field.begin(), field.end(), '\n'));
  }
  return lines;
}

/// One table of a tracker that was killed, and how much of it is whole.
class Torn {
 public:
  Torn(fs::path file, const std::vector<std::string>& headers)
      : file_(std::move(file)), reader_(file_, CsvReader::Tail::drop) {
    if (!reader_.next()) {
      return;  // Killed before its header.
    }
    for (const std::string_view name : reader_.row()) {
      header_ += header_.empty() ? "" : ",";
      header_ += name;
    }
    header_ += '\n';
    if (std::find(headers.begin(), headers.end(), header_) == headers.end()) {
      throw FailedError(fmt::format("{} has other columns than this kexp writes", file_.string()));
    }
    width_ = reader_.row().size();
    keep();
  }

  /// Empty when the tracker was killed before it.
  [[nodiscard]] const std::string& header() const { return header_; }
  /// The next whole row; null at the end.
  [[nodiscard]] const Row* next() {
    if (whole_lines_ == 0 || !reader_.next()) {
      return nullptr;
    }
    if (reader_.row().size() != width_) {
      throw no_row();
    }
    return &reader_.row();
  }
  /// What is not cut: rows that somebody has changed are no trace of a kill.
  [[nodiscard]] FailedError no_row() const {
    return FailedError(fmt::format("{}:{} is no row that kexp has written", file_.string(), reader_.line()));
  }
  /// Nothing up to the row that `next` gave last is cut.
  void keep() { whole_lines_ = reader_.line() - 1 + lines_of(reader_.row()); }

  /// Cuts the file after the lines that are kept.
  void cut() const {
    const auto size = on_disk("read", [&] { return fs::file_size(file_); });
    const std::uintmax_t whole = end_of_whole();
    if (whole < size) {
      on_disk("write", [&] { fs::resize_file(file_, whole); });
    }
  }

 private:
  [[nodiscard]] std::uintmax_t end_of_whole() const {
    std::ifstream stream(file_, std::ios::binary);
    for (std::size_t line = 0; line < whole_lines_; ++line) {
      stream.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    if (!stream.good()) {  // Those lines were there before: nothing is cut on such a word.
      throw FailedError(fmt::format("cannot read {}", file_.string()));
    }
    return static_cast<std::uintmax_t>(stream.tellg());
  }

  fs::path file_;
  CsvReader reader_;
  std::string header_;
  std::size_t width_ = 0;
  std::size_t whole_lines_ = 0;
};

// All detections of `whole`, or false when the table ends before them.
bool take_detections(Torn& table, WholeRow& whole) {
  for (std::size_t i = 0; i < whole.detections; ++i) {
    const Row* row = table.next();
    if (row == nullptr) {
      return false;
    }
    const auto detection = read_detection(*row, whole.result.id);
    if (!detection) {
      throw table.no_row();
    }
    whole.result.detections.push_back(*detection);
  }
  return true;
}

}  // namespace

UnreadableRows read_results(const fs::path& run, const ResultVisit& visit) {
  UnreadableRows unreadable;
  Result result;
  Reception reception;
  for (const fs::path& file : result_files(run)) {
    unreadable += read_columns(run, file.lexically_relative(run), kTimeColumns, [&](const Row& fields) {
      const bool is_row = read_times(fields, result, reception);
      if (is_row) {
        visit(result, reception);
      }
      return is_row;
    });
  }
  return unreadable;
}

Columns recover_results(const fs::path& run, const std::string& name, const ResultVisit& visit) {
  const fs::path results_file = run / "results" / name;
  const fs::path detections_file = run / "detections" / name;
  const auto is_there = [](const fs::path& file) {
    return on_disk("read", [&] { return fs::exists(file); });
  };
  if (!is_there(results_file)) {
    return Columns::current;
  }
  Torn results(results_file, {result_header(), earlier_result_header()});
  const Columns columns = results.header() == earlier_result_header() ? Columns::earlier : Columns::current;
  if (!is_there(detections_file)) {
    if (results.next() != nullptr) {  // No trace of a kill, which leaves at least an empty one.
      throw FailedError(fmt::format("{} is not there, and {} has rows: put it back, or give another --run",
                                    detections_file.string(), results_file.string()));
    }
    results.cut();  // Killed between making the one and the other.
    return columns;
  }
  Torn detections(detections_file, {detection_header()});
  while (const Row* row = results.next()) {
    std::optional<WholeRow> whole = read_whole(*row);
    if (!whole) {
      throw results.no_row();
    }
    if (!take_detections(detections, *whole)) {
      break;
    }
    results.keep();
    detections.keep();
    visit(whole->result, whole->reception);
  }
  results.cut();
  detections.cut();
  return columns;
}

}  // namespace kexp::record
