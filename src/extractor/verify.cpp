#include "verify.hpp"

#include "kexp/core/json.hpp"

#include "parallel.hpp"

namespace kexp::extractor {

namespace {

std::uint64_t written_of(const PlannedMetric& metric, const WrittenMetric& written, std::size_t server) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < metric.series.size(); ++i) {
    if (metric.series[i].server == server) {
      count += written.series[i].samples + written.series[i].histograms;
    }
  }
  return count;
}

}  // namespace

std::vector<CountDifference> count_differences(const std::vector<Server>& servers,
                                               const std::vector<prom::Selector>& selectors,
                                               const prom::Window& window,
                                               const std::vector<PlannedMetric>& plan,
                                               const std::vector<WrittenMetric>& written, int connections,
                                               const std::stop_token& stop) {
  std::vector<std::vector<CountDifference>> found(plan.size());
  parallel_for(plan.size(), connections, stop, [&](std::size_t i, const std::stop_token& stop_all) {
    for (std::size_t s = 0; s < servers.size(); ++s) {
      const std::uint64_t on_server =
          servers[s].client.count_samples({plan[i].name, selectors, {}, {}}, first_ms(window),
                                          unix_ms(window.end), servers[s].info, stop_all);
      const std::uint64_t here = written_of(plan[i], written[i], s);
      if (on_server != here) {
        found[i].push_back({plan[i].name, servers[s].client.source(), on_server, here});
      }
    }
  });
  std::vector<CountDifference> differences;
  for (const std::vector<CountDifference>& of_metric : found) {
    differences.insert(differences.end(), of_metric.begin(), of_metric.end());
  }
  return differences;
}

Json to_json(const std::vector<CountDifference>& differences) {
  Json list = Json::array();
  for (const CountDifference& one : differences) {
    list.push_back({{"metric", one.metric},
                    {"source", one.source},
                    {"on_server", one.on_server},
                    {"written", one.written}});
  }
  return list;
}

}  // namespace kexp::extractor
