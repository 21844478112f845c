"""What `kexp deploy render` writes, as tests look at it. Needs `import_kubernetes_validate()` first, for PyYAML."""

import functools
import tempfile
from pathlib import Path
from typing import NamedTuple

from .processes import run

# Custom resources that we render: Kubernetes' own schemas do not know them. {(apiVersion, kind): its CRD's file in the golden data}
CUSTOM_KINDS = {
    ("monitoring.coreos.com/v1", "Prometheus"): "monitoring.coreos.com_prometheuses.yaml",
    ("monitoring.coreos.com/v1", "PodMonitor"): "monitoring.coreos.com_podmonitors.yaml",
    ("monitoring.coreos.com/v1", "ServiceMonitor"): "monitoring.coreos.com_servicemonitors.yaml",
    ("monitoring.coreos.com/v1", "PrometheusRule"): None,  # not there; promtool checks what is in it
    ("monitoring.coreos.com/v1alpha1", "ScrapeConfig"): "monitoring.coreos.com_scrapeconfigs.yaml",
    ("keda.sh/v1alpha1", "ScaledObject"): "keda.sh_scaledobjects.yaml",
}

# Files of kubeadm's, the kubelet's and others that are no objects of the API server.
CONFIGURATION_GROUPS = ("kubeadm.k8s.io", "kubelet.config.k8s.io", "kubeproxy.config.k8s.io")


class Object(NamedTuple):
    """A Kubernetes object of a rendering."""

    path: str
    root: dict

    @property
    def kind(self):
        return self.root["apiVersion"], self.root["kind"]

    @property
    def key(self):
        """kind, namespace or None, name."""
        return self.root["kind"], self.root["metadata"].get("namespace"), self.root["metadata"]["name"]

    @property
    def is_patch(self):
        return Path(self.path).name.startswith("patch-")

    def __str__(self):
        kind, namespace, name = self.key
        return f"{self.path}: {kind} {namespace + '/' if namespace else ''}{name}"


def initial_cluster_file(existing=None):
    done = run(["deploy", "init", "-o", "-", *(["--existing", existing] if existing else [])])
    assert done.returncode == 0, done.stderr
    return done.stdout


def cluster_files():
    """{name: text} of cluster files that together render every object that we have."""
    return {
        "reference": initial_cluster_file(),
        "existing": initial_cluster_file("lab"),
        "keda": changed(None, scaler={"keda": {"lag": 50}, "min_pods": 0, "max_pods": 20, "up": {"window": "0s"}, "down": {"window": "1m"}}),
        "fixed": changed(None, scaler={"pods": 34}),
        "pinned to few": changed(None, consumers={"placement": "pack", "requests": {"cpu": 2, "memory": "2Gi"}, "resolution": 640,
                                                   "validate_results": False, "engine": "openvino", "grace": "2m"}),
        "burstable": changed(None, consumers={"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": 2, "memory": "1Gi"}}),
        "open": changed(None, access={"grafana_port": 30300, "prometheus_port": 30900}, kepler={"privileged": True}),
        "lean": changed(None, kepler={"enabled": False}, monitoring={"grafana": False}),
        "slow": changed(None, monitoring={"scrape_interval": "15s", "consumer_interval": "5s", "retention": "90d"}),
        "Kafka elsewhere": changed(None, kafka={"servers": "10.9.8.7:9092,10.9.8.8:9092"}),
        "existing, with Prometheus installed and KEDA": changed("lab", monitoring={"prometheus": None}, scaler={"keda": {"lag": 50}, "max_pods": 10}),
        "existing, with another Prometheus": changed("lab", monitoring={"namespace": "observability", "service_account": "prometheus"}),
    }


def changed(existing, **sections):
    """The initial cluster file with these sections merged in (None takes a key out); `scaler` replaces the whole section."""
    import yaml
    root = yaml.safe_load(initial_cluster_file(existing))
    for name, section in sections.items():
        root[name] = section if name == "scaler" else _merged(root.get(name) or {}, section)
    return yaml.safe_dump(root, sort_keys=False)


@functools.cache
def _parsed(text):
    import yaml
    return list(yaml.safe_load_all(text))


def _merged(old, new):
    merged = {**old, **{key: _merged(old.get(key) or {}, value) if isinstance(value, dict) else value for key, value in new.items()}}
    return {key: value for key, value in merged.items() if value is not None}


class Rendering:
    """The folder that a cluster file was rendered to."""

    def __init__(self, text, folder=None):
        self._temporary = tempfile.TemporaryDirectory(prefix="kexp-rendering-")
        file = Path(self._temporary.name, "cluster.yaml")
        file.write_text(text)
        self.folder = Path(folder or Path(self._temporary.name, "rendered"))
        self.done = run(["deploy", "render", file, "-o", self.folder])
        assert self.done.returncode == 0, self.done.stderr

    def close(self):
        self._temporary.cleanup()

    def paths(self, suffix=""):
        """Relative, sorted."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file() and path.name.endswith(suffix))

    def text(self, path):
        return (self.folder / path).read_text()

    def documents(self, path):
        """Not to be changed: they are parsed once."""
        return _parsed(self.text(path))

    def objects(self):
        """Every Kubernetes object, in the order in which a person applies them."""
        return [Object(path, root) for path in self.paths(".yaml") for root in self.documents(path)
                if "apiVersion" in root and not root["apiVersion"].startswith(CONFIGURATION_GROUPS)]
