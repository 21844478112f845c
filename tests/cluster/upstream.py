"""Objects of the upstream bundles that our patches change: of each as much as shows whether a patch leaves the rest alone.

After Calico 3.33, kube-prometheus 0.18, metrics-server 0.9 and KEDA 2.21; the bundles themselves are not part of the source tree."""


def _workload(kind, namespace, name, labels, container, **pod):
    """A Deployment or DaemonSet of one container, with a second field beside every one that we change."""
    spec = {"selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": {**labels, "upstream": "theirs"}},
                         "spec": {"serviceAccountName": name, "containers": [{"image": f"upstream.example/{name}:1", **container}], **pod}}}
    if kind == "Deployment":
        spec["replicas"] = 1
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": spec}


def _deployment(namespace, name, labels, container, **pod):
    return _workload("Deployment", namespace, name, labels, container, **pod)


def _prometheus_labels(name, component):
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": component, "app.kubernetes.io/part-of": "kube-prometheus"}


def _monitor(name, labels, *endpoints):
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": name, "namespace": "monitoring"},
            "spec": {"jobLabel": "app.kubernetes.io/name", "selector": {"matchLabels": labels}, "endpoints": list(endpoints)}}


_CALICO = _workload(
    "DaemonSet", "kube-system", "calico-node", {"k8s-app": "calico-node"},
    {"name": "calico-node", "securityContext": {"privileged": True},
     "env": [{"name": "DATASTORE_TYPE", "value": "kubernetes"}, {"name": "CALICO_IPV4POOL_IPIP", "value": "Always"},
             {"name": "CALICO_IPV4POOL_VXLAN", "value": "Never"}, {"name": "IP", "value": "autodetect"},
             {"name": "NODENAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]},
    hostNetwork=True, initContainers=[{"name": "install-cni", "image": "upstream.example/cni:1"}],
    tolerations=[{"effect": "NoSchedule", "operator": "Exists"}])

_METRICS_SERVER = _deployment(
    "kube-system", "metrics-server", {"k8s-app": "metrics-server"},
    {"name": "metrics-server",
     "args": ["--cert-dir=/tmp", "--secure-port=10250", "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
              "--kubelet-use-node-status-port", "--metric-resolution=15s"],
     "ports": [{"name": "https", "containerPort": 10250, "protocol": "TCP"}], "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}},
     "volumeMounts": [{"mountPath": "/tmp", "name": "tmp-dir"}]},
    volumes=[{"name": "tmp-dir", "emptyDir": {}}], nodeSelector={"kubernetes.io/os": "linux"}, priorityClassName="system-cluster-critical")

_PROMETHEUS = {
    "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "k8s", "namespace": "monitoring"},
    "spec": {"replicas": 2, "version": "3.12.0", "image": "quay.io/prometheus/prometheus:v3.12.0", "serviceAccountName": "prometheus-k8s",
             "serviceDiscoveryRole": "EndpointSlice", "enableFeatures": [], "externalLabels": {}, "nodeSelector": {"kubernetes.io/os": "linux"},
             "alerting": {"alertmanagers": [{"apiVersion": "v2", "name": "alertmanager-main", "namespace": "monitoring", "port": "web"}]},
             "podMonitorNamespaceSelector": {}, "podMonitorSelector": {}, "probeNamespaceSelector": {}, "probeSelector": {},
             "ruleNamespaceSelector": {}, "ruleSelector": {}, "scrapeConfigNamespaceSelector": {}, "scrapeConfigSelector": {},
             "serviceMonitorNamespaceSelector": {}, "serviceMonitorSelector": {}, "resources": {"requests": {"memory": "400Mi"}},
             "securityContext": {"fsGroup": 2000, "runAsNonRoot": True, "runAsUser": 1000}}}

_BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "prometheus-k8s", "namespace": "monitoring"},
           "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/instance": "k8s"}}}}

_GRAFANA = _deployment(
    "monitoring", "grafana", _prometheus_labels("grafana", "grafana"),
    {"name": "grafana", "env": [], "ports": [{"name": "http", "containerPort": 3000}],
     "resources": {"limits": {"cpu": "200m", "memory": "200Mi"}, "requests": {"cpu": "100m", "memory": "100Mi"}},
     "volumeMounts": [{"mountPath": "/var/lib/grafana", "name": "grafana-storage"},
                      {"mountPath": "/etc/grafana", "name": "grafana-config"}]},
    volumes=[{"name": "grafana-storage", "emptyDir": {}}, {"name": "grafana-config", "secret": {"secretName": "grafana-config"}}],
    nodeSelector={"kubernetes.io/os": "linux"})

_OPERATOR = _deployment("monitoring", "prometheus-operator", _prometheus_labels("prometheus-operator", "controller"),
                        {"name": "prometheus-operator", "args": ["--kubelet-service=kube-system/kubelet"]},
                        nodeSelector={"kubernetes.io/os": "linux"})

_STATE_METRICS = _deployment("monitoring", "kube-state-metrics", _prometheus_labels("kube-state-metrics", "exporter"),
                             {"name": "kube-state-metrics", "args": ["--host=127.0.0.1", "--port=8081"]},
                             nodeSelector={"kubernetes.io/os": "linux"})


def _keda(name, app):
    return _deployment("keda", name, {"app": app}, {"name": app, "args": ["--zap-log-level=info"]}, nodeSelector={"kubernetes.io/os": "linux"})


_ALL = [
    _CALICO, _METRICS_SERVER, _PROMETHEUS, _BUDGET, _GRAFANA, _OPERATOR, _STATE_METRICS,
    _monitor("kubelet", {"app.kubernetes.io/name": "kubelet"}, {"port": "https-metrics", "interval": "30s"}),
    _monitor("node-exporter", _prometheus_labels("node-exporter", "exporter"), {"port": "https", "interval": "15s"}),
    _monitor("kube-state-metrics", _prometheus_labels("kube-state-metrics", "exporter"), {"port": "https-main", "interval": "30s"}),
    _keda("keda-operator", "keda-operator"), _keda("keda-metrics-apiserver", "keda-metrics-apiserver"),
    _keda("keda-admission", "keda-admission-webhooks"),
]

# {(kind, namespace, name): object}
OBJECTS = {(root["kind"], root["metadata"]["namespace"], root["metadata"]["name"]): root for root in _ALL}
