#include "cluster_files.hpp"

#include <stdexcept>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"

namespace kexp::manifest::test {

std::string shortest(std::string_view more) {
  return R"(nodes:
  master: {name: master, address: 192.168.1.152}
  workers:
    - {name: worker1, address: 192.168.1.161}
    - {name: worker2, address: 192.168.1.162}
    - {name: worker3, address: 192.168.1.163}
    - {name: worker4, address: 192.168.1.164}
    - {name: worker5, address: 192.168.1.165}
networks:
  lan: 192.168.1.0/24
)" + std::string(more);
}

std::string reference_with(std::string_view part, std::string_view other) {
  std::string text = initial_cluster_file("");
  const std::size_t at = text.find(part);
  if (at == std::string::npos) {
    throw std::logic_error("no such part in the reference cluster file: " + std::string(part));
  }
  return text.replace(at, part.size(), other);
}

ClusterFile parsed(const std::string& text) { return parse_cluster_file(text, "c.yaml").cluster; }

std::string errors_of(const std::string& text) {
  return kexp::test::message_of<UsageError>([&] { return parse_cluster_file(text, "c.yaml"); });
}

std::string warnings_of(const std::string& text) {
  std::string warnings;
  for (const Problem& problem : parse_cluster_file(text, "c.yaml").warnings) {
    warnings += to_text(problem, "c.yaml") + "\n";
  }
  return warnings;
}

}  // namespace kexp::manifest::test
