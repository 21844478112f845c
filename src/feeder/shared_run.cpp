#include "shared_run.hpp"

#include <fmt/format.h>

#include "kexp/core/sha256.hpp"
#include "kexp/core/time_text.hpp"

namespace kexp::feeder {

std::string shared_run_id(WallTime t0, const std::string& plan_hash) {
  std::string time = format_utc(t0);  // 2026-11-21T18:03:04.250Z
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  const std::string hash = sha256_hex(fmt::format("{} {}", unix_ns(t0), plan_hash));
  return fmt::format("{}Z-{}", time.substr(0, time.find('.')), hash.substr(0, 8));
}

std::string statistics_file_name(const record::FeedPart& part) {
  return part.of == 1 ? "librdkafka.jsonl" : fmt::format("librdkafka-{}.jsonl", part.index);
}

std::string log_file_name(const record::FeedPart& part) {
  return part.of == 1 ? "log" : fmt::format("log-{}", part.index);
}

}  // namespace kexp::feeder
