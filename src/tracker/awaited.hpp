#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "kexp/kafka/client.hpp"
#include "kexp/record/id_table.hpp"

namespace kexp::tracker {

/// The acknowledged images of a run that are not processed yet: by their ids, or, where no answers are sent,
/// by their offsets. Nothing is known before the feed of the run, with all its shards, has finished.
class Awaited {
 public:
  enum class By { answers, offsets };
  Awaited(std::filesystem::path run, By by) : run_(std::move(run)), by_(by) {}

  /// Looks whether the feed has finished, and reads what it sent once when it has; true then. `has_answer`
  /// tells which ids came before. Errors: FailedError naming the file.
  bool look(const std::function<bool(std::string_view id)>& has_answer);
  /// The first answer to `id` came.
  void answered(std::string_view id);
  /// The consumers' group has come so far; true when that is further than before.
  bool committed(const std::vector<kafka::PartitionLag>& lags);

  /// How many; none until the feed has finished.
  [[nodiscard]] std::optional<std::int64_t> left() const { return left_; }

 private:
  const std::filesystem::path run_;
  const By by_;
  std::optional<std::int64_t> left_;
  record::IdTable waiting_;
  std::map<std::int64_t, std::vector<std::int64_t>> offsets_;  // By partition, sorted.
};

}  // namespace kexp::tracker
