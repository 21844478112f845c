#include "sends_table.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"

namespace kexp::feeder {
namespace {

constexpr std::array<std::string_view, 8> kColumns = {"id",          "bytes",   "partition", "offset",
                                                      "intended_ns", "sent_ns", "acked_ns",  "status"};
enum Column : std::size_t { kId, kBytes, kPartition, kOffset, kIntended, kSent, kAcked, kStatus };

/// No number of a feed is negative.
template <typename Integer>
bool read(std::string_view text, Integer& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= Integer{0};
}

bool read(std::string_view text, std::optional<std::int64_t>& value) {
  return text.empty() || read(text, value.emplace());
}

}  // namespace

void read_sends_table(const std::filesystem::path& file, const std::function<void(const Send&)>& visit,
                      const std::function<void(std::size_t line)>& unreadable) {
  CsvReader reader(file, CsvReader::Tail::drop);
  if (!reader.next()) {
    return;  // The writer was killed before its header.
  }
  std::array<std::size_t, kColumns.size()> at{};
  for (std::size_t column = 0; column < kColumns.size(); ++column) {
    const auto found = reader.position(kColumns[column]);
    if (!found) {
      throw FailedError(fmt::format("{} has no column {}", file.string(), kColumns[column]));
    }
    at[column] = *found;
  }
  const std::size_t width = reader.row().size();
  while (reader.next()) {
    const std::vector<std::string_view>& row = reader.row();
    Send send;
    const auto status = row.size() == width ? record::parse_send_status(row[at[kStatus]]) : std::nullopt;
    if (!status || !read(row[at[kId]], send.id) || !read(row[at[kBytes]], send.bytes) ||
        !read(row[at[kPartition]], send.partition) || !read(row[at[kOffset]], send.offset) ||
        !read(row[at[kIntended]], send.intended_ns) || !read(row[at[kSent]], send.sent_ns) ||
        !read(row[at[kAcked]], send.acked_ns)) {
      unreadable(reader.line());
      continue;
    }
    send.fate = status->fate;
    visit(send);
  }
}

}  // namespace kexp::feeder
