#include "kexp/record/result_files.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/on_disk.hpp"

namespace kexp::record {

namespace {

constexpr std::string_view kColumnsBeforeError =
    "source,model,dimensions,idle,pre,inf,post,queue,start_time,end_time,id,errors,"
    "run,node,pod,engine,threads,width,height,partition,offset,decode,throttled_ms,done_time,"
    "received_ms,n_detections,answer_partition,answer_offset";

// Of an image that could not be processed, what is 0 was never measured.
template <typename Number>
std::string measured(const Result& result, Number value) {
  return result.errors != 0 && value == 0 ? std::string() : fmt::format("{}", value);
}

}  // namespace

std::string result_header() { return fmt::format("{},error\n", kColumnsBeforeError); }

std::string earlier_result_header() { return fmt::format("{}\n", kColumnsBeforeError); }

std::string detection_header() { return "id,class_id,label,confidence,x,y,width,height\n"; }

std::string result_line(const Result& r, const Reception& reception) {
  // The dimensions as earlier tools wrote them: the text of a Python list.
  const std::string dimensions = fmt::format("[{}]", fmt::join(r.dimensions, ", "));
  return csv_line(r.source, r.model, dimensions, r.idle_ms, measured(r, r.pre_ms), measured(r, r.inf_ms),
                  measured(r, r.post_ms), r.queue_ms, r.start_time_ms, r.end_time_ms, r.id, r.errors, r.run,
                  r.node, r.pod, r.engine, r.threads, measured(r, r.width), measured(r, r.height),
                  r.partition, r.offset, measured(r, r.decode_ms), r.throttled_ms, r.done_time_ms,
                  reception.received_ms, r.detections.size(), reception.partition, reception.offset, r.error);
}

std::string detection_lines(const Result& r) {
  std::string lines;
  for (const ResultDetection& d : r.detections) {
    lines += csv_line(r.id, d.class_id, d.label, d.confidence, d.box[0], d.box[1], d.box[2], d.box[3]);
  }
  return lines;
}

std::vector<std::filesystem::path> result_files(const std::filesystem::path& run) {
  return on_disk("read", [&] {
    std::vector<std::filesystem::path> files;
    const std::filesystem::path folder = run / "results";
    if (std::filesystem::is_directory(folder)) {
      for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".csv") {
          files.push_back(entry.path());
        }
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  });
}

}  // namespace kexp::record
