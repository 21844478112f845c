"""The JSON Schema of cluster files takes what kexp takes, and refuses what an editor can refuse."""

import copy
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

jsonschema = yaml = None


def setUpModule():
    global jsonschema, yaml
    kexp_test.import_kubernetes_validate()  # brings both, in pinned versions
    import jsonschema
    import yaml


# A path of keys, and the value that stands there instead; None: the key is gone.
WRONG = [
    (["nme"], "kexp"),
    (["name"], "My_Lab"),
    (["existing"], "lab"),
    (["nodes"], None),
    (["networks"], None),
    (["networks", "lan"], None),
    (["networks", "lan"], "192.168.1.0"),
    (["nodes", "workers"], []),
    (["nodes", "workers", 0, "address"], "worker1"),
    (["nodes", "workers", 0, "adress"], "192.168.1.161"),
    (["nodes", "master", "name"], None),
    (["nodes", "master", "labels"], {"rack": 12}),
    (["nodes", "master", "labels"], {"a/b/c": "x"}),
    (["nodes", "cpu_control", "governor"], "schedutil"),
    (["nodes", "cpu_control", "smt"], "no"),
    (["nodes", "cpus"], "four"),
    (["nodes", "memory"], "16GB"),
    (["versions", "kubernetes"], 1.36),
    (["versions", "kepler"], "latest"),
    (["monitoring", "scrape_interval"], 5),
    (["monitoring", "retention"], "30 days"),
    (["kafka", "port"], 70000),
    (["kafka", "port"], "10001"),
    (["kafka", "input", "name"], "yolo input"),
    (["kafka", "servers"], "broker"),
    (["consumers", "image"], "lab/kexp-consumer"),
    (["consumers", "image"], "lab/kexp-consumer:latest"),
    (["consumers", "validate_results"], "yes"),
    (["consumers", "engine"], "tensorflow"),
    (["consumers", "resolution"], "640x"),
    (["consumers", "requests", "cpu"], -1),
    (["scaler", "hpa"], None),
    (["scaler", "keda"], {"lag": 50}),
    (["scaler", "pods"], 5),
    (["scaler", "up", "policies"], [{"pods": 1, "percent": 5}]),
    (["scaler", "up", "policies"], [{"every": "15s"}]),
    (["scaler", "up", "policies"], []),
    (["scaler", "up", "select"], "most"),
]

RIGHT = [
    (["scaler"], {"pods": 5}),
    (["scaler"], {"min_pods": 0, "keda": {}}),
    (["scaler", "up", "policies"], [{"pods": 1, "every": "15s"}, {"percent": 5}]),
    (["consumers", "image"], "lab.example:5000/a/kexp:latest@sha256:" + 64 * "0"),
    (["consumers", "image"], "lab.example:5000/kexp:0.1.0"),
    (["consumers", "resolution"], 640),
    (["consumers", "resolution"], "640x480"),
    (["consumers", "limits"], {"cpu": "1500m", "memory": 1073741824}),
    (["nodes", "master", "labels"], {"lab.example/room": "12", "rack": ""}),
    (["versions", "containerd"], "2.3"),
    (["monitoring", "retention"], "2w1d"),
    (["kafka", "servers"], "kafka-1:9092,kafka-2:9092"),
]


def changed(document, path, value):
    """A copy of `document` with `value` at `path`."""
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


class ClusterFileSchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schema = json.loads(cls.kexp("deploy", "init", "--schema").stdout)
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.schema = schema
        cls.validator = jsonschema.Draft202012Validator(schema)
        cls.reference = cls.initial()

    @classmethod
    def kexp(cls, *arguments):
        done = kexp_test.run(list(arguments))
        assert done.returncode == 0, done.stderr
        return done

    @classmethod
    def initial(cls, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "cluster.yaml"
            cls.kexp("deploy", "init", *arguments, "-o", str(file))
            return yaml.safe_load(file.read_text())

    def render(self, document):
        """What `deploy render` says of a document."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "cluster.yaml"
            file.write_text(json.dumps(document))  # JSON is YAML
            return kexp_test.run(["deploy", "render", str(file), "-o", str(Path(folder) / "out")])

    def test_the_initial_files_pass(self):
        self.assertEqual(list(self.validator.iter_errors(self.reference)), [])
        self.assertEqual(list(self.validator.iter_errors(self.initial("--existing", "admin@lab"))), [])

    def test_what_is_wrong_fails_here_and_in_kexp(self):
        for path, value in WRONG:
            with self.subTest(path=path, value=value):
                document = changed(self.reference, path, value)
                self.assertNotEqual(list(self.validator.iter_errors(document)), [])
                done = self.render(document)
                self.assertEqual(done.returncode, 2, done.stderr)

    def test_what_is_right_passes_here_and_in_kexp(self):
        for path, value in RIGHT:
            with self.subTest(path=path, value=value):
                document = changed(self.reference, path, value)
                self.assertEqual([error.message for error in self.validator.iter_errors(document)], [])
                done = self.render(document)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_key_is_described_and_closed(self):
        def check(schema, name):
            if schema.get("type") == "object":
                self.assertIn("additionalProperties", schema, name)
            for key, inner in schema.get("properties", {}).items():
                self.assertTrue(inner.get("description", "").endswith("."), f"{name}.{key}")
                check(inner, f"{name}.{key}")
            if "items" in schema:
                check(schema["items"], name + "[]")

        check(self.schema, "")

    def test_every_default_is_what_its_own_key_takes(self):
        def check(schema, name):
            for key, inner in schema.get("properties", {}).items():
                if "default" in inner:
                    errors = list(jsonschema.Draft202012Validator(inner).iter_errors(inner["default"]))
                    self.assertEqual(errors, [], f"{name}.{key}")
                check(inner, f"{name}.{key}")

        check(self.schema, "")


if __name__ == "__main__":
    kexp_test.main()
