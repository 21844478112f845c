#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "kexp/core/log.hpp"
#include "kexp/core/units.hpp"

#include "graph/prepare_graph.hpp"

namespace kexp::inference {

/// What loading a model took time to find out, kept in a folder: the facts about its prepared graph, and the
/// network as the engine compiled it for each size.
///
/// Every file ends in its own hash. One that is broken is made again, and a folder that cannot be used costs
/// a warning. Files are replaced whole, so processes may share a folder. Threads: one at a time per object.
class EngineCache {
 public:
  /// `key`: everything that the content depends on. `log` outlives this; nullptr: nobody is warned.
  EngineCache(std::filesystem::path folder, const std::string& key, Log* log);

  /// The prepared graph without its model and its name; nullopt when it is not there.
  [[nodiscard]] std::optional<PreparedGraph> facts();
  void keep_facts(const PreparedGraph& graph);

  /// The network for a size; {0, 0} is the one for every size.
  [[nodiscard]] std::optional<std::string> network(Size2 size);
  void keep_network(Size2 size, std::string content);

  /// Says that something of it is of no use.
  void warn(const std::string& what) const;

 private:
  [[nodiscard]] std::filesystem::path file(const std::string& part) const;
  [[nodiscard]] std::optional<std::string> read(const std::string& part);
  void write(const std::string& part, std::string content);
  void give_up(const std::string& why);

  std::filesystem::path folder_;
  std::string id_;
  Log* log_;
  bool writable_ = true;
};

/// The facts as text, and back; nullopt when the text is none.
[[nodiscard]] std::string facts_json(const PreparedGraph& graph);
[[nodiscard]] std::optional<PreparedGraph> parse_facts(const std::string& text);

}  // namespace kexp::inference
