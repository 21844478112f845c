#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kRbac = "rbac.authorization.k8s.io/v1";
constexpr const char* kRbacGroup = "rbac.authorization.k8s.io";

Yaml may_watch(const char* api_group, std::vector<Yaml> resources) {
  return Yaml::map({{"apiGroups", Yaml::list({api_group}).on_one_line()},
                    {"resources", Yaml::list(std::move(resources)).on_one_line()},
                    {"verbs", Yaml::list({"get", "list", "watch"}).on_one_line()}});
}

}  // namespace

std::vector<YamlDocument> prometheus_role(const ClusterFile& cluster, const std::string& namespace_name) {
  Yaml role = names::object(kRbac, "Role", names::kPrometheusRole, namespace_name, "monitoring");
  role.set("rules", Yaml::list({may_watch("", {"services", "endpoints", "pods"}),
                                may_watch("discovery.k8s.io", {"endpointslices"})}));

  Yaml binding = names::object(kRbac, "RoleBinding", names::kPrometheusRole, namespace_name, "monitoring");
  binding.set("roleRef",
              Yaml::map({{"apiGroup", kRbacGroup}, {"kind", "Role"}, {"name", names::kPrometheusRole}}));
  binding.set("subjects", Yaml::list({Yaml::map({{"kind", "ServiceAccount"},
                                                 {"name", cluster.monitoring.service_account},
                                                 {"namespace", cluster.monitoring.namespace_name}})}));

  return {{std::move(role), fmt::format("Prometheus finds what to scrape in {} by watching these. Where it "
                                        "may not, targets are absent\nand nobody says so.",
                                        namespace_name)},
          {std::move(binding)}};
}

}  // namespace kexp::manifest
