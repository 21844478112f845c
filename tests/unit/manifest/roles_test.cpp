#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "names.hpp"
#include "rendered.hpp"

namespace kexp::manifest {
namespace {

using test::Rendered;
using testing::Contains;

Rendered roles(const ClusterFile& cluster, const std::string& namespace_name) {
  return Rendered({yaml_file("roles.yaml", "", prometheus_role(cluster, namespace_name))});
}

/// Services and endpoints alone are not enough: the operator finds targets by EndpointSlices.
TEST(RolesTest, LetsPrometheusWatchWhatItFindsTargetsBy) {
  const YAML::Node role = roles({}, "workload").object("Role");

  EXPECT_EQ(role["metadata"]["namespace"].as<std::string>(), "workload");
  std::vector<std::string> watched;
  for (const YAML::Node& rule : role["rules"]) {
    EXPECT_EQ(rule["verbs"].as<std::vector<std::string>>(),
              (std::vector<std::string>{"get", "list", "watch"}));
    for (const YAML::Node& resource : rule["resources"]) {
      watched.push_back(rule["apiGroups"][0].as<std::string>() + "/" + resource.as<std::string>());
    }
  }
  EXPECT_THAT(watched, testing::UnorderedElementsAre("/services", "/endpoints", "/pods",
                                                     "discovery.k8s.io/endpointslices"));
}

TEST(RolesTest, BindsTheRoleToTheServiceAccountOfTheFile) {
  ClusterFile cluster;
  cluster.monitoring.namespace_name = "observability";
  cluster.monitoring.service_account = "prometheus-main";

  const Rendered rendered = roles(cluster, "kepler");

  const YAML::Node binding = rendered.object("RoleBinding");
  EXPECT_EQ(binding["metadata"]["namespace"].as<std::string>(), "kepler");
  EXPECT_EQ(binding["roleRef"]["name"].as<std::string>(),
            rendered.object("Role")["metadata"]["name"].as<std::string>());
  EXPECT_EQ(test::strings(binding["subjects"][0]),
            (std::map<std::string, std::string>{
                {"kind", "ServiceAccount"}, {"name", "prometheus-main"}, {"namespace", "observability"}}));
}

TEST(RolesTest, CarriesTheLabelsOfOurObjects) {
  for (const char* kind : {"Role", "RoleBinding"}) {
    const auto labels = test::strings(roles({}, "workload").object(kind)["metadata"]["labels"]);
    EXPECT_THAT(labels, Contains(std::pair<const std::string, std::string>(names::kManagedByLabel, "kexp")));
    EXPECT_THAT(labels, Contains(std::pair<const std::string, std::string>(names::kRunLabel, "none")));
  }
}

}  // namespace
}  // namespace kexp::manifest
