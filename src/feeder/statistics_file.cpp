#include "statistics_file.hpp"

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/time_text.hpp"

namespace kexp::feeder {

void StatisticsFile::open(const std::filesystem::path& file) {
  const std::scoped_lock lock(mutex_);
  file_.emplace(file, AppendFile::Existing::refuse);
}

void StatisticsFile::add(std::uint32_t thread, std::string_view statistics) {
  const std::string line = fmt::format("{{\"time\":\"{}\",\"thread\":{},\"statistics\":{}}}\n",
                                       format_utc(clock_.wall_now()), thread, statistics);
  const std::scoped_lock lock(mutex_);
  if (!file_) {
    return;
  }
  try {
    file_->write(line);
    file_->flush();
  } catch (const Error& e) {
    file_.reset();
    log_.warn("feed: statistics=lost text=\"{}\"", e.what());
  }
}

}  // namespace kexp::feeder
