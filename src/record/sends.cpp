#include "kexp/record/sends.hpp"

#include "kexp/core/on_disk.hpp"

#include "columns.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

bool is_status(std::string_view status) {
  return status == "acknowledged" || status == "dropped" || status == "unknown" ||
         status.starts_with("failed");
}

std::int64_t read_rows(const fs::path& file, SendRow row, const std::function<void(const SendRow&)>& visit) {
  if (!on_disk("read", [&] { return fs::exists(file); })) {
    return 0;
  }
  std::vector<std::string_view> columns = {"id", "partition", "offset", "status"};
  if (!row.from_topic) {
    columns.insert(columns.end(), {"sent_ns", "acked_ns"});
  }
  return read_columns(file, columns, [&](const auto& fields) {
    row.id = fields[0];
    row.partition = to_integer(fields[1]);
    row.offset = to_integer(fields[2]);
    row.status = fields[3];
    if (!row.from_topic) {
      row.sent_ns = to_integer(fields[4]);
      row.acked_ns = to_integer(fields[5]);
    }
    const bool known = is_status(row.status);
    if (known) {
      visit(row);
    }
    return known;
  });
}

}  // namespace

std::int64_t read_sends(const fs::path& run, const std::function<void(const SendRow&)>& visit) {
  std::vector<FeedPart> parts = joined_feeds(run);
  if (parts.empty()) {
    parts.emplace_back();  // Its feed.json was removed, its images were sent all the same.
  }
  std::int64_t unreadable = 0;
  for (const FeedPart& part : parts) {
    SendRow row;
    row.part = part;
    unreadable += read_rows(run / part.csv("sends"), row, visit);
  }
  SendRow decided;
  decided.from_topic = true;
  return unreadable + read_rows(run / kFeedTopicFile, decided, visit);
}

}  // namespace kexp::record
