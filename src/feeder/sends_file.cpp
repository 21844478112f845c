#include "sends_file.hpp"

#include <iterator>

#include <fmt/compile.h>
#include <fmt/format.h>

namespace kexp::feeder {

SendsFile::SendsFile(const std::filesystem::path& file) : file_(file, AppendFile::Existing::refuse) {
  file_.write("id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n");
  file_.flush();
}

void SendsFile::write(const cycle::PlannedImage& image, const Row& row) {
  fmt::memory_buffer line;
  const auto out = std::back_inserter(line);
  const auto add_number = [&](const std::optional<std::int64_t>& number, std::int64_t base) {
    if (number) {
      fmt::format_to(out, FMT_COMPILE("{},"), base + *number);
    } else {
      line.push_back(',');
    }
  };
  fmt::format_to(out, FMT_COMPILE("{},{},{},"), row.id, image.bytes, image.partition);
  add_number(row.offset, 0);
  add_number(static_cast<std::int64_t>(image.intended_ns), t0_unix_ns_);
  add_number(row.sent_ns, t0_unix_ns_);
  add_number(row.answered_ns, t0_unix_ns_);
  line.append(record::to_text(row.status));
  line.push_back('\n');
  file_.write({line.data(), line.size()});
}

}  // namespace kexp::feeder
