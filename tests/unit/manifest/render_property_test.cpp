/// What every rendering keeps to, whatever its cluster file says: rules whose breach Kubernetes finds late,
/// or never.

#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "kexp/manifest/quantity.hpp"
#include "kexp/manifest/render.hpp"

#include "random_cluster.hpp"
#include "yaml_trees.hpp"

namespace kexp::manifest {
namespace {

using Path = std::initializer_list<std::string_view>;
using Labels = std::map<std::string, std::string>;

constexpr std::uint64_t kClusters = 200;
constexpr std::uint64_t kClustersOfACase = 20;

std::string text_at(const Yaml& node, Path path) {
  const Yaml* const found = node.find(path);
  return found == nullptr ? "" : found->text();
}

const Yaml::List& list_at(const Yaml& node, Path path) {
  static const Yaml::List kNone;
  const Yaml* const found = node.find(path);
  return found == nullptr ? kNone : found->items();
}

Labels labels_at(const Yaml& node, Path path) {
  Labels labels;
  if (const Yaml* const found = node.find(path)) {
    for (const YamlEntry& entry : found->entries()) {
      labels[entry.key] = entry.value.text();
    }
  }
  return labels;
}

bool contains(const Labels& labels, const Labels& wanted) {
  return std::includes(labels.begin(), labels.end(), wanted.begin(), wanted.end());
}

bool holds(const Yaml::List& list, const std::string& text) {
  return std::find(list.begin(), list.end(), Yaml(text)) != list.end();
}

/// An object of Kubernetes, or a part of one that an upstream bundle brings, with the file that it stands in.
struct Object {
  std::string path;
  Yaml node;

  [[nodiscard]] std::string kind() const { return text_at(node, {"kind"}); }
  [[nodiscard]] std::string name() const { return text_at(node, {"metadata", "name"}); }
  [[nodiscard]] std::string space() const { return text_at(node, {"metadata", "namespace"}); }
  [[nodiscard]] std::string title() const { return fmt::format("{}: {} {}", path, kind(), name()); }
  [[nodiscard]] bool is_patch() const { return path.find("/patch-") != std::string::npos; }
  [[nodiscard]] bool is_configuration() const { return node.find({"metadata"}) == nullptr; }
  [[nodiscard]] bool has_pods() const {
    return node.find({"spec", "template", "spec", "containers"}) != nullptr;
  }
  [[nodiscard]] Labels pod_labels() const {
    return labels_at(node, {"spec", "template", "metadata", "labels"});
  }
  [[nodiscard]] const Yaml::List& containers() const {
    return list_at(node, {"spec", "template", "spec", "containers"});
  }
};

struct Rendering {
  ClusterFile cluster;
  std::vector<RenderedFile> files;
  std::vector<Object> objects;

  [[nodiscard]] std::vector<Object> of_kind(const std::string& kind) const {
    std::vector<Object> found;
    std::copy_if(objects.begin(), objects.end(), std::back_inserter(found),
                 [&](const Object& object) { return object.kind() == kind; });
    return found;
  }
};

Rendering render_random(std::uint64_t seed) {
  Rendering rendering{test::random_cluster(seed), {}, {}};
  rendering.files = render(rendering.cluster);
  for (const RenderedFile& file : rendering.files) {
    if (!file.path.ends_with(".yaml")) {
      continue;
    }
    for (Yaml& document : test::read_back(file.content)) {
      if (document.find({"apiVersion"}) != nullptr) {
        rendering.objects.push_back({file.path, std::move(document)});
      }
    }
  }
  return rendering;
}

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

void names_are_those_that_kubernetes_allows(const Rendering& rendering) {
  for (const Object& object : rendering.objects) {
    if (object.is_configuration()) {
      continue;
    }
    std::string name = object.name();
    std::replace(name.begin(), name.end(), '.', '-');
    EXPECT_TRUE(is_dns_label(name)) << object.title();
    EXPECT_TRUE(object.space().empty() || is_dns_label(object.space())) << object.title();
    for (const auto& [key, value] : labels_at(object.node, {"metadata", "labels"})) {
      EXPECT_LE(value.size(), 63u) << object.title() << " " << key;
    }
  }
}

void our_objects_are_labelled(const Rendering& rendering) {
  for (const Object& object : rendering.objects) {
    if (object.is_patch() || object.is_configuration()) {
      continue;
    }
    const Labels labels = labels_at(object.node, {"metadata", "labels"});
    for (const char* key : {"app.kubernetes.io/name", "app.kubernetes.io/component",
                            "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by", "kexp.dev/run"}) {
      EXPECT_TRUE(labels.contains(key)) << object.title() << " lacks " << key;
    }
  }
}

bool selects_pods(const Rendering& rendering, const std::string& space, const Labels& wanted) {
  return std::any_of(rendering.objects.begin(), rendering.objects.end(), [&](const Object& object) {
    return object.has_pods() && object.space() == space && contains(object.pod_labels(), wanted);
  });
}

/// kubeadm's own pods, which no rendering holds, are behind the Services of kube-system.
bool is_before_our_pods(const Object& object) {
  return object.kind() == "Service" && object.space() != "kube-system";
}

void selectors_choose_their_own_pods(const Rendering& rendering) {
  for (const Object& object : rendering.objects) {
    const Labels match = labels_at(object.node, {"spec", "selector", "matchLabels"});
    if (object.has_pods()) {
      EXPECT_FALSE(match.empty()) << object.title();
      EXPECT_TRUE(contains(object.pod_labels(), match)) << object.title();
    } else if ((object.kind() == "PodMonitor" || object.kind() == "PodDisruptionBudget") &&
               !object.is_patch()) {
      EXPECT_TRUE(selects_pods(rendering, object.space(), match)) << object.title();
    } else if (is_before_our_pods(object)) {
      EXPECT_TRUE(selects_pods(rendering, object.space(), labels_at(object.node, {"spec", "selector"})))
          << object.title();
    }
  }
}

bool may_find_targets(const Rendering& rendering, const std::string& space) {
  const std::vector<Object> roles = rendering.of_kind("Role");
  return std::any_of(roles.begin(), roles.end(), [&](const Object& role) {
    const Yaml::List& rules = list_at(role.node, {"rules"});
    return role.space() == space && std::any_of(rules.begin(), rules.end(), [](const Yaml& rule) {
             return holds(list_at(rule, {"apiGroups"}), "discovery.k8s.io") &&
                    holds(list_at(rule, {"resources"}), "endpointslices");
           });
  });
}

bool is_bound_to_prometheus(const Rendering& rendering, const std::string& space) {
  const Monitoring& monitoring = rendering.cluster.monitoring;
  const std::vector<Object> bindings = rendering.of_kind("RoleBinding");
  return std::any_of(bindings.begin(), bindings.end(), [&](const Object& binding) {
    return binding.space() == space &&
           text_at(binding.node, {"subjects", "0", "name"}) == monitoring.service_account &&
           text_at(binding.node, {"subjects", "0", "namespace"}) == monitoring.namespace_name;
  });
}

void prometheus_may_find_targets_wherever_it_scrapes(const Rendering& rendering) {
  std::set<std::string> scraped;
  for (const Object& object : rendering.objects) {
    if ((object.kind() == "PodMonitor" || object.kind() == "ServiceMonitor") && !object.is_patch()) {
      scraped.insert(object.space());
    }
  }
  EXPECT_TRUE(scraped.contains(rendering.cluster.consumers.namespace_name));
  for (const std::string& space : scraped) {
    EXPECT_TRUE(may_find_targets(rendering, space)) << space;
    EXPECT_TRUE(is_bound_to_prometheus(rendering, space)) << space;
  }
}

double milliseconds(const std::string& text) {
  return text.ends_with("ms") ? std::stod(text)
                              : 1000.0 * static_cast<double>(parse_seconds(text).value().count());
}

/// Looks at every scrape in a node; how many there are.
int check_timeouts(const Yaml& node, const std::string& where) {
  int scrapes = 0;
  if (node.is_list()) {
    for (const Yaml& item : node.items()) {
      scrapes += check_timeouts(item, where);
    }
  } else if (node.is_map()) {
    for (const char* key : {"interval", "scrapeInterval"}) {
      if (node.find({key}) != nullptr && node.find({"scrapeTimeout"}) != nullptr) {
        ++scrapes;
        EXPECT_LE(milliseconds(text_at(node, {"scrapeTimeout"})), milliseconds(text_at(node, {key})))
            << where;
      }
    }
    for (const YamlEntry& entry : node.entries()) {
      scrapes += check_timeouts(entry.value, where);
    }
  }
  return scrapes;
}

void no_scrape_takes_longer_than_its_interval(const Rendering& rendering) {
  int scrapes = 0;
  for (const Object& object : rendering.objects) {
    scrapes += check_timeouts(object.node, object.title());
  }
  EXPECT_GT(scrapes, 0);
}

void one_scaler_scales_within_the_partitions(const Rendering& rendering) {
  const Scaler& scaler = rendering.cluster.scaler;
  const std::vector<Object> hpas = rendering.of_kind("HorizontalPodAutoscaler");
  const std::vector<Object> scaled = rendering.of_kind("ScaledObject");
  EXPECT_EQ(hpas.size(), scaler.kind == Scaler::Kind::hpa ? 1u : 0u);
  EXPECT_EQ(scaled.size(), scaler.kind == Scaler::Kind::keda ? 1u : 0u);
  const auto check_range = [&](const Object& object, const char* least, const char* most) {
    const Yaml& spec = *object.node.find({"spec"});
    EXPECT_EQ(spec.find({least})->number(), scaler.min_pods);
    EXPECT_EQ(spec.find({most})->number(), scaler.max_pods);
    EXPECT_LE(spec.find({most})->number(), rendering.cluster.kafka.input.partitions);
    EXPECT_EQ(text_at(spec, {"scaleTargetRef", "name"}), rendering.cluster.consumers.name);
    EXPECT_EQ(object.space(), rendering.cluster.consumers.namespace_name);
  };
  for (const Object& object : hpas) {
    check_range(object, "minReplicas", "maxReplicas");
  }
  for (const Object& object : scaled) {
    check_range(object, "minReplicaCount", "maxReplicaCount");
  }
}

const Object& consumer_of(const Rendering& rendering) {
  const auto consumer =
      std::find_if(rendering.objects.begin(), rendering.objects.end(), [&](const Object& object) {
        return object.kind() == "Deployment" && object.space() == rendering.cluster.consumers.namespace_name;
      });
  return consumer == rendering.objects.end() ? throw std::out_of_range("no consumers") : *consumer;
}

void replicas_are_written_where_nothing_scales(const Rendering& rendering) {
  const Yaml* const replicas = consumer_of(rendering).node.find({"spec", "replicas"});
  const Scaler& scaler = rendering.cluster.scaler;
  ASSERT_EQ(replicas != nullptr, scaler.kind == Scaler::Kind::none);
  EXPECT_TRUE(replicas == nullptr || replicas->number() == scaler.pods);
}

void consumers_are_guaranteed_unless_limits_say_otherwise(const Rendering& rendering) {
  const Consumers& consumers = rendering.cluster.consumers;
  const Resources limits = consumers.limits.value_or(consumers.requests);
  for (const Yaml& container : consumer_of(rendering).containers()) {
    EXPECT_EQ(parse_cpu(text_at(container, {"resources", "requests", "cpu"})), consumers.requests.cpu);
    EXPECT_EQ(parse_memory(text_at(container, {"resources", "requests", "memory"})),
              consumers.requests.memory);
    EXPECT_EQ(parse_cpu(text_at(container, {"resources", "limits", "cpu"})), limits.cpu);
    EXPECT_EQ(parse_memory(text_at(container, {"resources", "limits", "memory"})), limits.memory);
  }
}

void every_image_is_pinned(const Rendering& rendering) {
  for (const RenderedFile& file : rendering.files) {
    EXPECT_TRUE(!file.path.ends_with(".yaml") || file.content.find(":latest") == std::string::npos)
        << file.path;
  }
  for (const Object& object : rendering.objects) {
    for (const Yaml& container : object.containers()) {
      const std::string image = text_at(container, {"image"});
      const std::size_t slash = image.rfind('/');
      const std::size_t name = slash == std::string::npos ? 0 : slash;
      EXPECT_TRUE(object.is_patch() || image.find_first_of(":@", name) != std::string::npos)
          << object.title();
    }
  }
}

void port_names_are_those_of_the_pods(const Rendering& rendering) {
  std::map<std::string, std::set<std::string>> ports;  // of a namespace's pods
  for (const Object& object : rendering.objects) {
    for (const Yaml& container : object.containers()) {
      for (const Yaml& port : list_at(container, {"ports"})) {
        ports[object.space()].insert(text_at(port, {"name"}));
        EXPECT_LE(text_at(port, {"name"}).size(), 15u) << object.title();
      }
      for (const char* probe : {"startupProbe", "readinessProbe", "livenessProbe"}) {
        const std::string port = text_at(container, {probe, "httpGet", "port"});
        EXPECT_TRUE(port.empty() || ports[object.space()].contains(port)) << object.title() << " " << probe;
      }
    }
  }
  for (const Object& object : rendering.objects) {
    for (const Yaml& port :
         is_before_our_pods(object) ? list_at(object.node, {"spec", "ports"}) : Yaml::List()) {
      EXPECT_TRUE(ports[object.space()].contains(text_at(port, {"targetPort"}))) << object.title();
    }
    for (const Yaml& endpoint : list_at(object.node, {"spec", "podMetricsEndpoints"})) {
      EXPECT_TRUE(ports[object.space()].contains(text_at(endpoint, {"port"}))) << object.title();
    }
  }
}

void nodes_and_networks_are_those_of_the_file(const Rendering& rendering) {
  const std::vector<Object> clusters = rendering.of_kind("ClusterConfiguration");
  EXPECT_EQ(clusters.size(), rendering.cluster.existing.empty() ? 1u : 0u);
  for (const Object& object : clusters) {
    const auto pods = parse_cidr(text_at(object.node, {"networking", "podSubnet"}));
    const auto services = parse_cidr(text_at(object.node, {"networking", "serviceSubnet"}));
    const auto lan = parse_cidr(rendering.cluster.networks.lan);
    ASSERT_TRUE(pods && services && lan);
    EXPECT_FALSE(pods->overlaps(*services) || pods->overlaps(*lan) || services->overlaps(*lan));
  }
  EXPECT_EQ(rendering.of_kind("JoinConfiguration").size(), rendering.cluster.nodes.workers.size());
}

void text_is_clean(const Rendering& rendering) {
  for (const RenderedFile& file : rendering.files) {
    EXPECT_TRUE(file.content.ends_with('\n')) << file.path;
    EXPECT_EQ(file.content.find_first_of("\t\r"), std::string::npos) << file.path;
    EXPECT_EQ(file.content.find(" \n"), std::string::npos) << file.path;
  }
}

struct Rule {
  const char* name;
  void (*check)(const Rendering&);
};

constexpr Rule kRules[] = {
    {"names are those that kubernetes allows", names_are_those_that_kubernetes_allows},
    {"our objects are labelled", our_objects_are_labelled},
    {"selectors choose their own pods", selectors_choose_their_own_pods},
    {"prometheus may find targets wherever it scrapes", prometheus_may_find_targets_wherever_it_scrapes},
    {"no scrape takes longer than its interval", no_scrape_takes_longer_than_its_interval},
    {"one scaler scales within the partitions", one_scaler_scales_within_the_partitions},
    {"replicas are written where nothing scales", replicas_are_written_where_nothing_scales},
    {"consumers are guaranteed unless limits say otherwise",
     consumers_are_guaranteed_unless_limits_say_otherwise},
    {"every image is pinned", every_image_is_pinned},
    {"port names are those of the pods", port_names_are_those_of_the_pods},
    {"nodes and networks are those of the file", nodes_and_networks_are_those_of_the_file},
    {"text is clean", text_is_clean}};

class RenderPropertyTest : public ::testing::TestWithParam<std::uint64_t> {};

/// One test for all rules, because rendering takes most of the time; the clusters are spread over cases.
TEST_P(RenderPropertyTest, EveryValidFileRendersToWhatKeepsTheRules) {
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kClustersOfACase && !HasFailure(); ++seed) {
    SCOPED_TRACE(
        fmt::format("seed {}\n{}", seed, write_yaml({{test::cluster_yaml(test::random_cluster(seed))}})));
    Rendering rendering;
    ASSERT_NO_THROW(rendering = render_random(seed));
    for (const Rule& rule : kRules) {
      SCOPED_TRACE(rule.name);
      ASSERT_NO_THROW(rule.check(rendering));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Clusters, RenderPropertyTest,
                         ::testing::Range(std::uint64_t{0}, kClusters, kClustersOfACase));

TEST(RenderTest, GivesTheSameBytesForTheSameFile) {
  for (std::uint64_t seed = 0; seed < kClustersOfACase; ++seed) {
    const std::vector<RenderedFile> once = render(test::random_cluster(seed));
    const std::vector<RenderedFile> again = render(test::random_cluster(seed));
    ASSERT_EQ(again.size(), once.size());
    for (std::size_t i = 0; i < again.size(); ++i) {
      EXPECT_EQ(again[i].path, once[i].path);
      EXPECT_EQ(again[i].content, once[i].content);
      EXPECT_EQ(again[i].mode, once[i].mode);
    }
  }
}

}  // namespace
}  // namespace kexp::manifest
