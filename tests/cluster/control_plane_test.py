"""What `kexp deploy render` writes, on a real Kubernetes control plane: the API server, controllers and scheduler of the pinned version."""

import json
import sys
import unittest
from pathlib import Path

import upstream

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.rendering import CUSTOM_KINDS, Rendering, changed, cluster_files

WORKLOAD = "workload"
CONSUMER = "yolo-consumer"
APPLY = ("apply", "--server-side", "--force-conflicts", "--field-manager=kexp")
# Sync and resolution are shorter than anybody's (15 s): the rules are the same, and the test is not minutes long.
FAST_HPA = {"KCM_ARGS": "--horizontal-pod-autoscaler-sync-period=2s", "METRICS_SERVER_ARGS": "--metric-resolution=10s"}

kube = None


def setUpModule():
    global kube
    kexp_test.import_kubernetes_validate()
    kube = kexp_test.KubeLocal(nodes=5, **FAST_HPA)
    unittest.addModuleCleanup(kube.close)
    kube.start()
    kube.done("apply", "--server-side", "-f", kube.tools / "crds")
    kube.done("wait", "--for=condition=Established", "--all", "crd", "--timeout=30s")


def rendering_of(test, text):
    rendering = Rendering(text)
    test.addCleanup(rendering.close)
    return rendering


def unknown_here(thing):
    """Custom resources whose definition the golden data does not have."""
    return CUSTOM_KINDS.get(thing.kind, "known") is None


def as_list(things):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [thing.root for thing in things]})


class KubeadmTest(unittest.TestCase):
    def test_kubeadm_takes_every_configuration(self):
        files = 0
        rendering = rendering_of(self, cluster_files()["reference"])
        for path in rendering.paths(".yaml"):
            if any(root.get("apiVersion", "").startswith("kubeadm.k8s.io/") for root in rendering.documents(path)):
                done = kube.kubeadm("config", "validate", "--config", rendering.folder / path)
                self.assertEqual((done.returncode, done.stdout.strip()), (0, "ok"), f"{path}: {done.stderr}")
                files += 1
        self.assertGreaterEqual(files, 7)  # init, reset, and a join for each worker


class ApplyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Every different object of many renderings, and the namespaces of all: a server's dry run needs them there."""
        cls.found = {}
        for name, text in cluster_files().items():
            rendering = Rendering(text)
            cls.addClassCleanup(rendering.close)
            for thing in rendering.objects():
                if not unknown_here(thing):
                    cls.found.setdefault(json.dumps(thing.root), (f"{name}: {thing}", thing))
        things = [thing for _, thing in cls.found.values()]
        kube.done(*APPLY, "-f", "-", stdin=as_list(thing for thing in things if thing.root["kind"] == "Namespace"))
        there = {namespace["metadata"]["name"] for namespace in kube.get("namespaces")}
        for namespace in {thing.root["metadata"].get("namespace", "default") for thing in things} - there:
            kube.done("create", "namespace", namespace)  # of an upstream bundle

    def test_every_object_is_accepted(self):
        things = [thing for _, thing in self.found.values() if not thing.is_patch]
        done = kube.kubectl(*APPLY, "--dry-run=server", "-f", "-", stdin=as_list(things))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(done.stdout.splitlines()), len(things))

    def test_patches_change_upstreams_objects_and_leave_the_rest(self):
        patched = set()
        for where, thing in self.found.values():
            if thing.is_patch:
                with self.subTest(where):
                    self.patch(thing)
                patched.add(thing.key)
        self.assertEqual(patched, set(upstream.OBJECTS))

    def patch(self, thing):
        """Applies upstream's object, then ours: all of ours is there, and what ours does not name is still upstream's."""
        base = upstream.OBJECTS[thing.key]
        kube.done("delete", "--ignore-not-found", "-f", "-", stdin=json.dumps(base))
        kube.done("apply", "--server-side", "-f", "-", stdin=json.dumps(base))
        kube.done(*APPLY, "-f", "-", stdin=json.dumps(thing.root))
        kind, namespace, name = thing.key
        merged = leaves(kube.get(kind, name, *(["-n", namespace] if namespace else [])))
        ours = leaves(thing.root)
        self.assertEqual({path: merged.get(path) for path in ours}, ours)
        theirs = {path: value for path, value in leaves(base).items() if not is_within(path, ours) and value != []}
        self.assertEqual({path: merged.get(path) for path in theirs}, theirs)


def leaves(node, path=""):
    """{path: value} of an object. A list whose items have keys of their own counts by those keys, any other one is a single value."""
    if isinstance(node, dict) and node:
        return {leaf: value for key, item in node.items() for leaf, value in leaves(item, f"{path}/{key}").items()}
    if isinstance(node, list) and node and all(isinstance(item, dict) for item in node):
        for key in ("mountPath", "name"):
            if all(key in item for item in node):
                return {leaf: value for item in node for leaf, value in leaves(item, f"{path}[{item[key]}]").items()}
    return {path: node}


def is_within(path, others):
    return any(path == other or path.startswith((f"{other}/", f"{other}[")) for other in others)


class SchedulingTest(unittest.TestCase):
    def test_five_workers_run_twenty_of_thirty_four_and_say_why_the_others_wait(self):
        rendering = rendering_of(self, cluster_files()["fixed"])
        with applied(self, rendering, "80-consumers"):
            pods = kexp_test.wait_until(lambda: settled(34), 60, lambda: f"34 pods to run or to be refused: {states()}")
            running = [pod for pod in pods if pod["status"]["phase"] == "Running"]
            waiting = [pod for pod in pods if pod["status"]["phase"] == "Pending"]
            self.assertEqual((len(running), len(waiting)), (20, 14))
            nodes = [pod["spec"]["nodeName"] for pod in running]
            self.assertEqual([nodes.count(node) for node in sorted(set(nodes))], [4, 4, 4, 4, 4])
            self.assertEqual({pod["status"]["qosClass"] for pod in pods}, {"Guaranteed"})
            for pod in waiting:
                reason = unschedulable(pod)
                self.assertIn("0/5 nodes are available: 5 Insufficient cpu.", reason)

    def test_no_consumer_runs_on_the_master(self):
        node = json.loads(kube.done("get", "node", "node-0", "-o", "json"))
        self.addCleanup(kube.done, "label", "node", "node-0", "--overwrite", "kexp.dev/role=worker")
        self.assertEqual(node["metadata"]["labels"]["kexp.dev/role"], "worker")
        kube.done("label", "node", "node-0", "--overwrite", "kexp.dev/role=infra")
        rendering = rendering_of(self, cluster_files()["fixed"])
        with applied(self, rendering, "80-consumers"):
            pods = kexp_test.wait_until(lambda: settled(34), 60, lambda: f"34 pods to run or to be refused: {states()}")
            running = [pod["spec"]["nodeName"] for pod in pods if pod["status"]["phase"] == "Running"]
            self.assertEqual(len(running), 16)
            self.assertNotIn("node-0", running)
            reasons = {unschedulable(pod) for pod in pods if pod["status"]["phase"] == "Pending"}
            self.assertRegex(" ".join(reasons), "1 node\\(s\\) didn't match Pod's node affinity/selector")


class applied:
    """Applies folders of a rendering as its README.md does; at the end their objects are deleted, and the pods gone."""

    def __init__(self, test, rendering, *folders):
        self.things = [thing for thing in rendering.objects() if thing.path.startswith(folders)]
        test.assertGreater(len(self.things), 0)
        for folder in folders:
            kube.done(*APPLY, "-f", rendering.folder / folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        kube.done("delete", "--ignore-not-found", "-f", "-", stdin=as_list(thing for thing in self.things if thing.root["kind"] != "Namespace"))
        kexp_test.wait_until(lambda: not consumers(), 60, lambda: f"the pods to go: {states()}")


def consumers():
    return kube.get("pods", "-n", WORKLOAD, "-l", f"app.kubernetes.io/name={CONSUMER}")


def states():
    return [(pod["metadata"]["name"], pod["status"]) for pod in consumers()]


def unschedulable(pod):
    """The scheduler's reason, or ""."""
    return next((condition.get("message", "") for condition in pod["status"].get("conditions", [])
                 if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable"), "")


def settled(count):
    pods = consumers()
    done = [pod for pod in pods if pod["status"]["phase"] == "Running" or unschedulable(pod)]
    return pods if len(pods) == count and len(done) == count else None


class HpaTest(unittest.TestCase):
    """The rendered HPA, fed by metrics-server with the CPU that the fake kubelets report."""

    def use(self, cpu):
        usage = {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "ClusterResourceUsage", "metadata": {"name": "consumers"},
                 "spec": {"selector": {"matchNamespaces": [WORKLOAD]}, "usages": [{"usage": {"cpu": {"value": cpu}, "memory": {"value": "100Mi"}}}]}}
        kube.done("apply", "-f", "-", stdin=json.dumps(usage))

    def replicas(self):
        return kube.get("deployment", CONSUMER, "-n", WORKLOAD)["spec"]["replicas"]

    def hpa(self):
        return kube.get("hpa", CONSUMER, "-n", WORKLOAD)

    def test_it_scales_up_to_its_maximum_and_down_to_its_minimum(self):
        text = changed(None, scaler={"hpa": {"cpu_percent": 50}, "min_pods": 2, "max_pods": 5, "up": {"window": "0s"}, "down": {"window": "15s"}})
        kube.done("delete", "clusterresourceusage", "usage-from-annotation")  # it names every pod, too
        self.use("1")
        with applied(self, rendering_of(self, text), "80-consumers", "90-scaling"):
            self.assertEqual(self.hpa()["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"], 15)
            kexp_test.wait_until(lambda: self.replicas() == 5, 90, lambda: f"five replicas at full load: {self.hpa()['status']}")
            self.use("100m")
            kexp_test.wait_until(lambda: self.replicas() == 2, 90, lambda: f"two replicas without load: {self.hpa()['status']}")
            conditions = {condition["type"]: condition["status"] for condition in self.hpa()["status"]["conditions"]}
            self.assertEqual((conditions["AbleToScale"], conditions["ScalingActive"]), ("True", "True"))


class WrongManifestsTest(unittest.TestCase):
    """What the server says to thirteen manifests, twelve of them wrong: the reminder of what only the server finds."""

    REFUSED = {
        "keda-typo": ".spec.pollingIntervall: field not declared in schema",
        "missing": "spec.selector: Required value",
        "name": 'metadata.name: Invalid value: "Bad_Name"',
        "oldapi": 'no matches for kind "HorizontalPodAutoscaler" in version "autoscaling/v2beta2"',
        "psa": 'violates PodSecurity "restricted:',
        "quantity": "quantities must match the regular expression",
        "selector": "`selector` does not match template `labels`",
        "semantic": "must be greater than or equal to `minReplicas`",
        "strimzi-enum": 'Unsupported value: "brokr"',
        "type": ".spec.maxReplicas: expected numeric",
        "unknown": ".spec.minReplica: field not declared in schema",
    }

    def setUp(self):
        self.folder = kube.tools / "bad"
        for namespace in (WORKLOAD, "kafka"):
            kube.kubectl("create", "namespace", namespace)
        kube.done("label", "namespace", WORKLOAD, "--overwrite", "pod-security.kubernetes.io/enforce=restricted")

    def apply(self, name):
        return kube.kubectl(*APPLY, "--dry-run=server", "-f", self.folder / f"{name}.yaml")

    def test_the_server_refuses_what_is_wrong_and_says_why(self):
        for name, reason in self.REFUSED.items():
            with self.subTest(name):
                done = self.apply(name)
                self.assertEqual(done.returncode, 1)
                self.assertIn(reason, done.stderr)

    def test_the_server_takes_what_is_new_in_this_version(self):
        done = self.apply("tolerance-ok")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_key_that_stands_twice_is_seen_in_the_yaml_alone(self):
        """kubectl sends JSON, in which the last one has won; the server finds it in the file itself."""
        self.assertEqual(self.apply("dupkey").returncode, 0)
        answer = kube.post("/api/v1/namespaces/default/configmaps?fieldValidation=Strict&dryRun=All", (self.folder / "dupkey.yaml").read_bytes(),
                           "application/yaml")
        self.assertEqual(answer["code"], 400)
        self.assertIn('key "data" already set in map', answer["message"])

    def test_every_manifest_is_known(self):
        self.assertEqual({file.stem for file in self.folder.glob("*.yaml")}, {*self.REFUSED, "tolerance-ok", "dupkey"})


if __name__ == "__main__":
    kexp_test.main()
