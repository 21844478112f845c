#include "acknowledged.hpp"

#include <fstream>
#include <string>
#include <string_view>

#include "kexp/record/feeds.hpp"

namespace kexp::tracker {

void Acknowledged::look() {
  for (const record::FeedPart& part : record::joined_feeds(run_)) {
    read_on(run_ / part.csv("sends"));
  }
}

void Acknowledged::read_on(const std::filesystem::path& file) {
  constexpr std::string_view kStatus = ",acknowledged\n";
  constexpr std::size_t kChunk = 256 * 1024;
  std::ifstream stream(file, std::ios::binary);
  std::uintmax_t& done = read_[file];
  stream.seekg(static_cast<std::streamoff>(done));
  std::string text;
  std::string chunk(kChunk, '\0');
  while (stream.read(chunk.data(), kChunk), stream.gcount() > 0) {
    text.append(chunk, 0, static_cast<std::size_t>(stream.gcount()));
    const std::size_t whole = text.rfind('\n') + 1;  // 0 when there is none.
    const std::string_view lines = std::string_view(text).substr(0, whole);
    for (std::size_t at = lines.find(kStatus); at != std::string_view::npos;
         at = lines.find(kStatus, at + kStatus.size())) {
      ++count_;
    }
    done += whole;
    text.erase(0, whole);
  }
}

}  // namespace kexp::tracker
