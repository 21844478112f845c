#include "openvino/engine_cache.hpp"

#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/sha256.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFacts = "facts";
constexpr std::size_t kHashDigits = 64;

std::string part_of(Size2 size) {
  return size == Size2{} ? "any" : fmt::format("{}x{}", size.width, size.height);
}

}  // namespace

EngineCache::EngineCache(fs::path folder, const std::string& key, Log* log)
    : folder_(std::move(folder)), id_(sha256_hex(key).substr(0, kHashDigits / 2)), log_(log) {}

std::optional<PreparedGraph> EngineCache::facts() {
  const auto text = read(kFacts);
  return text ? parse_facts(*text) : std::nullopt;
}

void EngineCache::keep_facts(const PreparedGraph& graph) { write(kFacts, facts_json(graph)); }

std::optional<std::string> EngineCache::network(Size2 size) { return read(part_of(size)); }

void EngineCache::keep_network(Size2 size, std::string content) { write(part_of(size), std::move(content)); }

void EngineCache::warn(const std::string& what) const {
  if (log_ != nullptr) {
    log_->warn("inference: --engine-cache {}: {}; going on without", folder_.string(), what);
  }
}

fs::path EngineCache::file(const std::string& part) const {
  return folder_ / fmt::format("{}.{}", id_, part);
}

std::optional<std::string> EngineCache::read(const std::string& part) {
  std::error_code error;
  if (!fs::exists(file(part), error)) {
    return std::nullopt;
  }
  try {
    std::string content = read_file(file(part));
    if (content.size() >= kHashDigits) {
      const std::string hash = content.substr(content.size() - kHashDigits);
      content.resize(content.size() - kHashDigits);
      if (sha256_hex(content) == hash) {
        return content;
      }
    }
    warn(fmt::format("{} is broken", file(part).filename().string()));
  } catch (const FailedError& e) {
    warn(e.what());
  }
  return std::nullopt;
}

void EngineCache::write(const std::string& part, std::string content) {
  if (!writable_) {
    return;
  }
  content += sha256_hex(content);
  try {
    fs::create_directories(folder_);
    write_file_atomically(file(part), content, std::nullopt, Durable::no);
  } catch (const FailedError& e) {
    give_up(e.what());
  } catch (const fs::filesystem_error& e) {
    give_up(e.code().message());
  }
}

void EngineCache::give_up(const std::string& why) {
  writable_ = false;  // Once is enough: the next file would say the same.
  warn(why);
}

std::string facts_json(const PreparedGraph& graph) {
  const ModelInfo& info = graph.info;
  const Json json{{"labels", info.labels},
                  {"warnings", info.warnings},
                  {"size", {info.size.width, info.size.height}},
                  {"open_size", info.open_size},
                  {"stride", info.stride.value_or(0)},
                  {"head", graph.head ? head_json(*graph.head) : std::string()},
                  {"outputs", graph.outputs},
                  {"changes", graph.changes},
                  {"sizes", graph.sizes}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);  // labels are what somebody wrote
}

std::optional<PreparedGraph> parse_facts(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    PreparedGraph graph;
    graph.info.labels = json.at("labels").get<std::vector<std::string>>();
    graph.info.warnings = json.at("warnings").get<std::vector<std::string>>();
    graph.info.size = {json.at("size").at(0).get<int>(), json.at("size").at(1).get<int>()};
    graph.info.open_size = json.at("open_size").get<bool>();
    if (const int stride = json.at("stride").get<int>(); stride != 0) {
      graph.info.stride = stride;
    }
    const auto head = json.at("head").get<std::string>();
    graph.head = parse_head(head);
    if (graph.head.has_value() == head.empty()) {
      return std::nullopt;
    }
    graph.outputs = json.at("outputs").get<std::vector<std::string>>();
    graph.changes = json.at("changes").get<std::vector<std::string>>();
    graph.sizes = json.at("sizes").get<Sizes>();
    return graph;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace kexp::inference
