#include "unmatched.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace kexp::extractor {

namespace {

/// What was written, asked selector by selector.
class Search {
 public:
  Search(const prom::Window& window, const std::vector<PlannedMetric>& plan,
         const std::vector<WrittenMetric>& written, const std::stop_token& stop)
      : window_(window), plan_(plan), written_(written), stop_(stop) {
    for (std::size_t m = 0; m < plan.size(); ++m) {
      by_name_.emplace(plan[m].name, m);
    }
  }

  /// Whether a series of server number `index` that `selector` selects has something in the dataset.
  [[nodiscard]] bool finds(const Server& server, std::size_t index, const prom::Selector& selector) const {
    std::vector<std::size_t> metrics;
    for (const std::string& name : server.client.metric_names(window_, {selector}, stop_)) {
      if (const auto found = by_name_.find(name); found != by_name_.end()) {
        metrics.push_back(found->second);
      }
    }
    // One is enough: those with the shortest lists first.
    std::stable_sort(metrics.begin(), metrics.end(), [&](std::size_t a, std::size_t b) {
      return plan_[a].series.size() < plan_[b].series.size();
    });
    return std::any_of(metrics.begin(), metrics.end(),
                       [&](std::size_t m) { return finds_in(m, server, index, selector); });
  }

 private:
  [[nodiscard]] bool finds_in(std::size_t m, const Server& server, std::size_t index,
                              const prom::Selector& selector) const {
    const PlannedMetric& metric = plan_[m];
    std::set<std::string_view> filled;
    for (std::size_t i = 0; i < metric.series.size(); ++i) {
      if (metric.series[i].server == index && !written_[m].series[i].empty()) {
        filled.insert(metric.series[i].labels);
      }
    }
    if (filled.empty()) {
      return false;
    }
    const std::vector<prom::Labels> selected = server.client.series(metric.name, window_, {selector}, stop_);
    return std::any_of(selected.begin(), selected.end(),
                       [&](const prom::Labels& labels) { return filled.contains(labels_json(labels)); });
  }

  const prom::Window& window_;
  const std::vector<PlannedMetric>& plan_;
  const std::vector<WrittenMetric>& written_;
  const std::stop_token& stop_;
  std::map<std::string, std::size_t> by_name_;
};

}  // namespace

std::vector<std::string> unmatched_selectors(const std::vector<Server>& servers,
                                             const std::vector<prom::Selector>& selectors,
                                             const prom::Window& window,
                                             const std::vector<PlannedMetric>& plan,
                                             const std::vector<WrittenMetric>& written,
                                             const std::stop_token& stop) {
  std::vector<std::string> unmatched;
  if (selectors.size() < 2) {  // What one alone does not match is an empty dataset, which is an error.
    return unmatched;
  }
  const Search search(window, plan, written, stop);
  for (const prom::Selector& selector : selectors) {
    bool is_found = false;
    for (std::size_t i = 0; i < servers.size() && !is_found; ++i) {
      is_found = search.finds(servers[i], i, selector);
    }
    if (!is_found) {
      unmatched.push_back(selector.text());
    }
  }
  return unmatched;
}

}  // namespace kexp::extractor
