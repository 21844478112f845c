#include "support/capturing_log.hpp"

#include <algorithm>

namespace kexp::test {

void CapturingLog::write(LogLevel level, std::string_view line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back({level, std::string(line)});
}

std::vector<CapturingLog::Line> CapturingLog::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

std::size_t CapturingLog::count(LogLevel level, std::string_view part) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const Line& line) {
    return line.level == level && line.text.find(part) != std::string::npos;
  }));
}

bool CapturingLog::contains(std::string_view part) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(lines_.begin(), lines_.end(),
                     [&](const Line& line) { return line.text.find(part) != std::string::npos; });
}

}  // namespace kexp::test
