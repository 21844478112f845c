/// Random cluster files: right ones are read as they were meant, wrong ones are refused with the line.

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/core/random.hpp"
#include "kexp/manifest/cluster_file.hpp"

#include "random_cluster.hpp"
#include "support/errors.hpp"

namespace kexp::manifest {
namespace {

using test::message_of;
using ::testing::StartsWith;

constexpr std::uint64_t kFiles = 200;

TEST(ClusterFilePropertyTest, EveryValidFileIsReadAsItWasMeant) {
  for (std::uint64_t seed = 0; seed < kFiles; ++seed) {
    const ClusterFile cluster = test::random_cluster(seed);
    const std::string text = test::cluster_text(cluster, seed);
    SCOPED_TRACE(fmt::format("seed {}\n{}", seed, text));
    ClusterFile read;
    ASSERT_NO_THROW(read = parse_cluster_file(text, "cluster.yaml").cluster);
    ASSERT_EQ(write_yaml({{test::cluster_yaml(read)}}), write_yaml({{test::cluster_yaml(cluster)}}));
  }
}

/// A line of a cluster file in block style: `  - key: value`.
struct Line {
  std::string lead;  ///< Blanks, and the dash of an item.
  std::string key;
  std::string value;  ///< As it stands there; empty above a list or mapping.
  std::string path;   ///< `nodes.workers.address`, lists without positions.

  [[nodiscard]] std::string text() const { return lead + key + (value.empty() ? ":" : ": " + value); }
  [[nodiscard]] bool is_label() const { return path.find(".labels.") != std::string::npos; }
};

std::vector<Line> lines_of(const std::string& text) {
  std::vector<Line> lines;
  std::vector<std::string> path;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    Line parts;
    const std::size_t start = line.find_first_not_of(" -");
    const std::size_t colon = line[start] == '"' ? line.find("\":") + 1 : line.find(':', start);
    parts.lead = line.substr(0, start);
    parts.key = line.substr(start, colon - start);
    parts.value = colon + 2 < line.size() ? line.substr(colon + 2) : "";
    // A list stands two blanks deeper than its key, its items' keys two more.
    path.resize(start / 2);
    path.push_back(parts.key);
    for (const std::string& key : path) {
      parts.path += (parts.path.empty() || key.empty() ? "" : ".") + key;
    }
    lines.push_back(std::move(parts));
  }
  return lines;
}

/// A file with one mistake.
struct Mutated {
  std::string what;
  std::string text;
  std::vector<std::size_t> lines;  ///< Where it may be reported, one of them.
};

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed)
      : random_(seed), lines_(lines_of(write_yaml({{test::cluster_yaml(test::random_cluster(seed))}}))) {}

  Mutated mutate() {
    using Mutation = Mutated (Mutator::*)();
    static const std::vector<Mutation> kMutations = {
        &Mutator::misspell,  &Mutator::misspell,      &Mutator::retype,           &Mutator::out_of_range,
        &Mutator::duplicate, &Mutator::cut_in_key,    &Mutator::cut_value,        &Mutator::trap,
        &Mutator::yes_or_no, &Mutator::sign,          &Mutator::leave_quote_open, &Mutator::indent,
        &Mutator::tab,       &Mutator::drop_required, &Mutator::contradict};
    return (this->*kMutations[random_.below(kMutations.size())])();
  }

 private:
  using Wanted = std::function<bool(const Line&)>;

  std::size_t pick(const Wanted& wanted) {
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (wanted(lines_[i])) {
        candidates.push_back(i);
      }
    }
    return candidates.at(random_.below(candidates.size()));
  }
  std::size_t pick_value() {
    return pick([](const Line& line) { return !line.value.empty(); });
  }
  std::string one_of(const std::vector<std::string>& choices) {
    return choices[random_.below(choices.size())];
  }

  [[nodiscard]] Mutated result(const std::string& what, std::vector<std::size_t> lines) const {
    std::string text;
    for (const Line& line : lines_) {
      text += line.text() + "\n";
    }
    return {what, std::move(text), std::move(lines)};
  }
  /// The file with `line` as line `i`.
  [[nodiscard]] Mutated replaced(const std::string& what, std::size_t i, const std::string& line,
                                 std::vector<std::size_t> lines) const {
    std::string text;
    for (std::size_t k = 0; k < lines_.size(); ++k) {
      text += (k == i ? line : lines_[k].text()) + "\n";
    }
    return {what, std::move(text), std::move(lines)};
  }
  Mutated with_value(const std::string& what, std::size_t i, const std::string& value) {
    lines_[i].value = value;
    return result(fmt::format("{} at {}", what, lines_[i].path), {i});
  }

  Mutated misspell() {
    const std::size_t i = pick([](const Line& line) { return !line.is_label(); });
    std::string& key = lines_[i].key;
    const std::string before = key;
    const std::size_t place = random_.below(key.size());
    switch (random_.below(3)) {
      case 0:
        key.insert(place, "q");
        break;
      case 1:
        key.insert(place, 1, key[place]);
        break;
      default:
        key[place] = key[place] == 'z' ? 'q' : 'z';
    }
    return result(fmt::format("{} misspelt as {}", before, key), {i});
  }

  Mutated retype() {
    return with_value("another type", pick_value(), one_of({"[1]", "{a: 1}", "~", "null", "[]"}));
  }

  Mutated out_of_range() {
    const std::size_t i = pick([](const Line& line) {
      return !line.value.empty() && line.value.find_first_not_of("0123456789") == std::string::npos;
    });
    return with_value("out of range", i, one_of({"-1", "99999999999", "1.5", "12345678901234567890123"}));
  }

  Mutated duplicate() {
    const std::size_t i = pick_value();
    Line again = lines_[i];
    std::replace(again.lead.begin(), again.lead.end(), '-', ' ');
    lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(i) + 1, again);
    return result("twice: " + again.path, {i + 1});
  }

  Mutated cut_in_key() {
    const std::size_t i = pick([](const Line& line) { return !line.is_label() && line.key.size() > 1; });
    const Line& line = lines_[i];
    const std::size_t left = 1 + random_.below(line.key.size() - 1);
    return replaced("cut in its key: " + line.path, i, line.lead + line.key.substr(0, left), {i});
  }

  Mutated cut_value() { return with_value("without its value", pick_value(), ""); }

  Mutated trap() {
    return with_value("a trap", pick_value(),
                      one_of({"0123", "12:30", "1e3", "0x1F", "1_000", "2026-11-22", "0o17", "1.10"}));
  }

  Mutated yes_or_no() {
    return with_value("a truth value of YAML 1.1", pick_value(),
                      one_of({"yes", "no", "On", "off", "y", "N"}));
  }

  Mutated sign() {
    return with_value(
        "one of YAML's signs", pick_value(),
        one_of({"@a", "*a", "&a b", "!a b", "`a", "%a", "- a", "? a", "a: b", "]", "|a", "{a", "[a"}));
  }

  Mutated leave_quote_open() {
    const std::size_t i = pick_value();
    return with_value("an open quote", i, one_of({"\"a", "'a", "\"a\\\"", "\"a\" b", "'a'b'"}));
  }

  Mutated indent() {
    // An only child may stand as deep as it likes.
    const std::size_t i = pick([&](const Line& line) {
      const auto place = static_cast<std::size_t>(&line - lines_.data());
      const auto stands_beside = [&](std::size_t other) {
        return other < lines_.size() && lines_[other].lead.size() == line.lead.size();
      };
      return place > 0 && line.lead.find('-') == std::string::npos &&
             (stands_beside(place - 1) || stands_beside(place + 1));
    });
    const bool first = lines_[i - 1].lead.size() < lines_[i].lead.size();
    lines_[i].lead += ' ';
    // It goes on with the text above; the first line of a mapping sets the depth, so the next one is wrong.
    return result("one blank too many at " + lines_[i].path, {i, first ? i + 1 : i - 1});
  }

  Mutated tab() {
    const std::size_t i = pick([](const Line&) { return true; });
    lines_[i].lead = "\t" + lines_[i].lead;
    return result("a tab at " + lines_[i].path, {i});
  }

  Mutated drop_required() {
    static const std::vector<std::string> kRequired = {"nodes.master.address", "nodes.master.name",
                                                       "networks.lan"};
    const auto required = [](const Line& line) {
      return std::find(kRequired.begin(), kRequired.end(), line.path) != kRequired.end();
    };
    if (!has("networks.lan")) {
      return cut_value();  // on a cluster that is there nothing is required
    }
    const std::size_t i = pick(required);
    const std::string section = lines_[i].path.substr(0, lines_[i].path.rfind('.'));
    const std::size_t above = pick([&](const Line& line) { return line.path == section; });
    const std::string path = lines_[i].path;
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(i));
    return result("missing: " + path, {above});
  }

  [[nodiscard]] bool has(const std::string& path) const {
    return std::any_of(lines_.begin(), lines_.end(), [&](const Line& line) { return line.path == path; });
  }

  /// A value that is right by itself and disagrees with others, or with what Kubernetes can do.
  Mutated contradict() {
    struct Contradiction {
      std::string path;
      std::string value;
    };
    static const std::vector<Contradiction> kAnywhere = {
        {"consumers.image", "kexp:latest"},
        {"consumers.image", "kexp"},
        {"consumers.namespace", "kube-system"},
        {"consumers.limits.cpu", "10m"},
        {"scaler.max_pods", "301"},
        {"scaler.pods", "301"},
    };
    static const std::vector<Contradiction> kOwnCluster = {
        {"networks.pods", "0.0.0.0/0"},          {"networks.services", "10.0.0.0/8"},
        {"nodes.master.address", "203.0.113.9"}, {"nodes.workers.address", "203.0.113.9"},
        {"versions.kubernetes", "1.30.0"},       {"versions.containerd", "1.7.0"},
    };
    std::vector<Contradiction> candidates = kAnywhere;
    if (has("networks.lan")) {
      candidates.insert(candidates.end(), kOwnCluster.begin(), kOwnCluster.end());
    }
    std::erase_if(candidates, [&](const Contradiction& candidate) { return !has(candidate.path); });
    const Contradiction& chosen = candidates[random_.below(candidates.size())];
    const std::size_t i = pick([&](const Line& line) { return line.path == chosen.path; });
    return with_value("a contradiction", i, chosen.value);
  }

  SplitMix64 random_;
  std::vector<Line> lines_;
};

TEST(ClusterFilePropertyTest, EveryMutatedFileIsRefusedWithItsLine) {
  for (std::uint64_t seed = 0; seed < kFiles; ++seed) {
    const Mutated mutated = Mutator(seed).mutate();
    SCOPED_TRACE(
        fmt::format("seed {}: {}, line {}\n{}", seed, mutated.what, mutated.lines.front() + 1, mutated.text));
    const std::string message =
        "\n" + message_of<UsageError>([&] { return parse_cluster_file(mutated.text, "cluster.yaml"); });
    EXPECT_TRUE(std::any_of(mutated.lines.begin(), mutated.lines.end(), [&](std::size_t line) {
      return message.find(fmt::format("\ncluster.yaml:{}: ", line + 1)) != std::string::npos;
    })) << message;
  }
}

}  // namespace
}  // namespace kexp::manifest
