#include "run_files.hpp"

#include <fstream>

#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/record/result_files.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::test {

void RunFiles::write(std::string_view name, std::string_view text) const {
  std::filesystem::create_directories((run_ / name).parent_path());
  std::ofstream(run_ / name, std::ios::binary) << text;
}

void RunFiles::append(std::string_view name, std::string_view text) const {
  std::ofstream(run_ / name, std::ios::binary | std::ios::app) << text;
}

void RunFiles::join(std::string_view role, const Json& settings) const {
  static_cast<void>(record::RunDirectory::join(run_, role, settings, kNow));
}

void RunFiles::join(std::string_view role) const { join(role, {{"topic", "t"}}); }

void RunFiles::shard(const record::FeedPart& part, const std::optional<Json>& fields) const {
  auto run = record::RunDirectory::join(
      run_, part.role(), {{"topic", "t"}, {"shard", fmt::format("{}/{}", part.index, part.of)}}, kNow);
  if (fields) {
    run.append("finished", *fields, kNow + std::chrono::minutes(1));
  }
}

void RunFiles::finish(std::string_view role, const Json& fields) const {
  record::RunDirectory::join(run_, role, {{"topic", "t"}}, kNow)
      .append("finished", fields, kNow + std::chrono::minutes(1));
}

void RunFiles::sends(const std::vector<std::string>& statuses) const { sends({}, statuses); }

void RunFiles::sends(const record::FeedPart& part, const std::vector<std::string>& statuses) const {
  std::string text = "id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n";
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    const std::size_t id = part.index - 1 + i * part.of;
    if (!statuses[i].empty()) {
      text += fmt::format("{},100000,0,{},1795284000000000000,1795284000000010000,1795284000002000000,{}\n",
                          id, id, statuses[i]);
    }
  }
  write(part.csv("sends"), text);
}

void RunFiles::answers(std::string_view name, const std::vector<std::string>& ids, int errors) const {
  std::string text = record::result_header();
  for (const std::string& id : ids) {
    record::Result result;
    result.id = id;
    result.errors = errors;
    text += record::result_line(result, {1795284000123, 0, -1});
  }
  write(fmt::format("results/{}.csv", name), text);
}

}  // namespace kexp::test
