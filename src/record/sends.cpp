#include "kexp/record/sends.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kexp/core/on_disk.hpp"

#include "columns.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kFates = {"acknowledged", "failed", "dropped", "unknown"};

UnreadableRows read_rows(const fs::path& run, const fs::path& file, SendRow row,
                         const std::function<void(const SendRow&)>& visit) {
  if (!on_disk("read", [&] { return fs::exists(run / file); })) {
    return {};
  }
  std::vector<std::string_view> columns = {"id", "partition", "offset", "status"};
  if (!row.from_topic) {
    columns.insert(columns.end(), {"sent_ns", "acked_ns", "intended_ns"});
  }
  return read_columns(run, file, columns, [&](const auto& fields) {
    row.id = fields[0];
    row.partition = to_integer(fields[1]);
    row.offset = to_integer(fields[2]);
    if (!row.from_topic) {
      row.sent_ns = to_integer(fields[4]);
      row.acked_ns = to_integer(fields[5]);
      row.intended_ns = to_integer(fields[6]);
    }
    const auto status = parse_send_status(fields[3]);
    if (status) {
      row.status = *status;
      visit(row);
    }
    return status.has_value();
  });
}

}  // namespace

std::string to_text(const SendStatus& status) {
  const std::string_view fate = kFates.at(static_cast<std::size_t>(status.fate));
  return status.failure.empty() ? std::string(fate) : fmt::format("{}:{}", fate, status.failure);
}

std::optional<SendStatus> parse_send_status(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto found = std::find(kFates.begin(), kFates.end(), text.substr(0, colon));
  const auto fate = static_cast<Fate>(found - kFates.begin());
  if (found == kFates.end() || (colon != std::string_view::npos && fate != Fate::failed)) {
    return std::nullopt;
  }
  return SendStatus{fate, colon == std::string_view::npos ? "" : text.substr(colon + 1)};
}

UnreadableRows read_sends(const fs::path& run, const std::function<void(const SendRow&)>& visit) {
  std::vector<FeedPart> parts = joined_feeds(run);
  if (parts.empty()) {
    parts.emplace_back();  // Its feed.json was removed, its images were sent all the same.
  }
  UnreadableRows unreadable;
  for (const FeedPart& part : parts) {
    SendRow row;
    row.part = part;
    unreadable += read_rows(run, part.csv("sends"), row, visit);
  }
  SendRow decided;
  decided.from_topic = true;
  unreadable += read_rows(run, kFeedTopicFile, decided, visit);
  return unreadable;
}

}  // namespace kexp::record
