#include "kexp/telemetry/metrics.hpp"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <unordered_map>
#include <variant>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "kexp/core/version.hpp"

namespace kexp::telemetry {

namespace {

constexpr std::string_view kPrefix = "kexp_";

std::vector<std::string> split_names(std::string_view names) {
  std::vector<std::string> result;
  while (!names.empty()) {
    const std::size_t comma = names.find(',');
    result.emplace_back(names.substr(0, comma));
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  }
  return result;
}

/// One row of the table with the series that it has got so far.
class Metric {
 public:
  Metric(const MetricSpec& spec, prometheus::Registry& registry)
      : spec_(spec), label_names_(split_names(spec.labels)), family_(make_family(spec, registry)) {}

  [[nodiscard]] std::span<const double> buckets() const { return spec_.buckets; }

  /// Calls `use` with the series as a T (Counter, Gauge, Histogram), which it makes at the first time.
  template <typename T, typename Use>
  void with_series(const std::vector<std::string>& labels, const Use& use) {
    const std::string key = key_of(labels);
    auto* const family = std::get_if<prometheus::Family<T>*>(&family_);
    if (family == nullptr) {
      throw std::logic_error(fmt::format("metric {} is of another type", spec_.name));
    }
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = series_.find(key); found != series_.end()) {
        use(*static_cast<T*>(found->second));
        return;
      }
    }
    const std::unique_lock lock(mutex_);
    auto [entry, is_new] = series_.try_emplace(key);
    if (is_new) {
      entry->second = &make_series(**family, labels);
    }
    use(*static_cast<T*>(entry->second));
  }

  void remove(const std::vector<std::string>& labels) {
    const std::string key = key_of(labels);
    const std::unique_lock lock(mutex_);
    const auto found = series_.find(key);
    if (found == series_.end()) {
      return;
    }
    std::visit([&](auto* family) { remove_from(*family, found->second); }, family_);
    series_.erase(found);
  }

 private:
  using Family =
      std::variant<prometheus::Family<prometheus::Counter>*, prometheus::Family<prometheus::Gauge>*,
                   prometheus::Family<prometheus::Histogram>*>;

  static Family make_family(const MetricSpec& spec, prometheus::Registry& registry) {
    const auto named = [&](auto builder) {
      return &builder.Name(std::string(spec.name)).Help(std::string(spec.help)).Register(registry);
    };
    switch (spec.type) {
      case MetricType::counter:
        return named(prometheus::BuildCounter());
      case MetricType::gauge:
        return named(prometheus::BuildGauge());
      case MetricType::histogram:
        return named(prometheus::BuildHistogram());
    }
    throw std::logic_error("unknown metric type");
  }

  template <typename T>
  T& make_series(prometheus::Family<T>& family, const std::vector<std::string>& values) const {
    prometheus::Labels labels;
    for (std::size_t i = 0; i < values.size(); ++i) {
      labels.emplace(label_names_[i], values[i]);
    }
    if constexpr (std::is_same_v<T, prometheus::Histogram>) {
      return family.Add(labels,
                        prometheus::Histogram::BucketBoundaries(spec_.buckets.begin(), spec_.buckets.end()));
    } else {
      return family.Add(labels);
    }
  }

  template <typename T>
  static void remove_from(prometheus::Family<T>& family, void* series) {
    family.Remove(static_cast<T*>(series));
  }

  [[nodiscard]] std::string key_of(const std::vector<std::string>& labels) const {
    if (labels.size() != label_names_.size()) {
      throw std::logic_error(
          fmt::format("metric {} has {} labels, got {}", spec_.name, label_names_.size(), labels.size()));
    }
    std::string key;
    for (const std::string& label : labels) {
      key += label;
      key += '\0';
    }
    return key;
  }

  const MetricSpec& spec_;
  const std::vector<std::string> label_names_;
  const Family family_;
  // A series is used under the shared lock, so that it is not removed meanwhile.
  std::shared_mutex mutex_;
  std::unordered_map<std::string, void*> series_;  // Guarded by mutex_.
};

}  // namespace

struct Metrics::Impl {
  Impl() {
    for (const MetricSpec& spec : metric_table()) {
      metrics.try_emplace(spec.name.substr(kPrefix.size()), spec, registry);
    }
  }
  Metric& find(std::string_view name) {
    const auto found = metrics.find(name);
    if (found == metrics.end()) {
      throw std::logic_error(fmt::format("no metric {}{} in the table of telemetry", kPrefix, name));
    }
    return found->second;
  }

  prometheus::Registry registry;
  std::unordered_map<std::string_view, Metric> metrics;  // Its keys never change, so no lock.
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) { set("build_info", 1, {std::string(version())}); }

Metrics::~Metrics() = default;

void Metrics::add(std::string_view name, double amount, const std::vector<std::string>& labels) {
  if (amount < 0) {
    throw std::logic_error(fmt::format("counter {}{} cannot fall by {}", kPrefix, name, -amount));
  }
  impl_->find(name).with_series<prometheus::Counter>(
      labels, [amount](prometheus::Counter& counter) { counter.Increment(amount); });
}

void Metrics::set(std::string_view name, double value, const std::vector<std::string>& labels) {
  impl_->find(name).with_series<prometheus::Gauge>(labels,
                                                   [value](prometheus::Gauge& gauge) { gauge.Set(value); });
}

void Metrics::observe(std::string_view name, double value, const std::vector<std::string>& labels) {
  impl_->find(name).with_series<prometheus::Histogram>(
      labels, [value](prometheus::Histogram& histogram) { histogram.Observe(value); });
}

void Metrics::observe_many(std::string_view name, std::span<const double> values,
                           const std::vector<std::string>& labels) {
  Metric& metric = impl_->find(name);
  const std::span<const double> bounds = metric.buckets();
  std::vector<double> counts(bounds.size() + 1);  // The last one has no bound.
  double sum = 0;
  for (const double value : values) {
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
    counts[static_cast<std::size_t>(bucket)] += 1;
    sum += value;
  }
  metric.with_series<prometheus::Histogram>(
      labels, [&](prometheus::Histogram& histogram) { histogram.ObserveMultiple(counts, sum); });
}

void Metrics::remove(std::string_view name, const std::vector<std::string>& labels) {
  impl_->find(name).remove(labels);
}

std::string Metrics::render() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace kexp::telemetry
