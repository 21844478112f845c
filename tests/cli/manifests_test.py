"""What `kexp deploy render` writes is right by the rules of others: Kubernetes' schemas, promtool, shellcheck, YAML 1.1 and 1.2."""

import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.rendering import CUSTOM_KINDS, Rendering, cluster_files

KUBERNETES = "1.36"


renderings = {}


def setUpModule():
    kexp_test.import_kubernetes_validate()
    for name, text in cluster_files().items():
        renderings[name] = Rendering(text)
        unittest.addModuleCleanup(renderings[name].close)


def objects():
    """[(where, object)] of all renderings, each different one once."""
    found = {}
    for name, rendering in renderings.items():
        for thing in rendering.objects():
            found.setdefault(json.dumps(thing.root), (f"{name}: {thing}", thing))
    return list(found.values())


def files(suffix):
    """[(where, rendering, path)] of this ending, each different one once."""
    found = {}
    for name, rendering in renderings.items():
        for path in rendering.paths(suffix):
            found.setdefault((path, rendering.text(path)), (f"{name}: {path}", rendering, path))
    return list(found.values())


class SchemaTest(unittest.TestCase):
    def test_every_object_is_one_of_this_kubernetes(self):
        import kubernetes_validate
        checked = 0
        for where, thing in objects():
            if thing.kind not in CUSTOM_KINDS:
                with self.subTest(where):
                    kubernetes_validate.validate(thing.root, KUBERNETES, strict=True)  # an unknown kind is an error, too
                checked += 1
        self.assertGreater(checked, 40)

    def test_the_check_finds_what_is_wrong(self):
        import kubernetes_validate
        good = next(thing.root for thing in renderings["reference"].objects() if thing.root["kind"] == "HorizontalPodAutoscaler")
        kubernetes_validate.validate(good, KUBERNETES, strict=True)
        for wrong in ({**good, "spec": {**good["spec"], "minReplica": 1}}, {**good, "spec": {**good["spec"], "maxReplicas": "five"}}):
            with self.assertRaises(kubernetes_validate.ValidationError):
                kubernetes_validate.validate(wrong, KUBERNETES, strict=True)
        for kind in ({"apiVersion": "autoscaling/v2beta2"}, {"kind": "PodAutoscaler"}):
            with self.assertRaises(kubernetes_validate.SchemaNotFoundError):
                kubernetes_validate.validate({**good, **kind}, KUBERNETES, strict=True)

    def test_every_custom_resource_is_one_of_its_definition(self):
        import jsonschema
        folder = kexp_test.require_test_data() / "tools/kube-local/crds"
        kexp_test.require(folder.is_dir(), "the golden data has no tools/kube-local/crds")
        schemas = {kind: schema_of(folder / file, kind) for kind, file in CUSTOM_KINDS.items() if file}
        seen = set()
        for where, thing in objects():
            if thing.kind in schemas:
                errors = list(jsonschema.Draft202012Validator(schemas[thing.kind]).iter_errors(thing.root))
                with self.subTest(where):
                    self.assertEqual([f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in errors], [])
                seen.add(thing.kind)
        self.assertEqual(seen, set(schemas))


def schema_of(crd, kind):
    import yaml
    definition = yaml.safe_load(crd.read_text())["spec"]
    version = next(version for version in definition["versions"] if f"{definition['group']}/{version['name']}" == kind[0])
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def strict(schema):
    """As the API server reads it: unknown fields are wrong, and some may be a number or a text."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("type") == "object" and "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


class YamlTest(unittest.TestCase):
    """YAML 1.1 and 1.2 disagree about plain scalars: 012, 1e3, on, 12:30. Ours mean the same in both, and no key stands twice."""

    PLAIN_INTEGER = r"-?(0|[1-9][0-9]*)"
    # What the core schema of YAML 1.2 takes for something else than a text.
    NO_TEXT = r"|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+" \
              r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"

    def test_every_scalar_is_what_it_looks_like(self):
        import yaml
        scalars = 0
        for where, rendering, path in files(".yaml"):
            for document in yaml.compose_all(rendering.text(path)):
                for node in self.scalars(document, where):
                    self.check(node, where)
                    scalars += 1
        self.assertGreater(scalars, 1000)

    def scalars(self, node, where):
        import yaml
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            self.assertEqual(len(keys), len(set(keys)), f"{where}:{node.start_mark.line + 1}: a key twice in {keys}")
            for key, value in node.value:
                yield key
                yield from self.scalars(value, where)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                yield from self.scalars(item, where)
        else:
            yield node

    def check(self, node, where):
        place = f"{where}:{node.start_mark.line + 1}: {node.value!r}"
        kind = node.tag.rpartition(":")[2]
        if kind == "int":
            self.assertRegex(node.value, f"^{self.PLAIN_INTEGER}$", place)
        elif kind == "bool":
            self.assertIn(node.value, ("true", "false"), place)
        else:
            self.assertEqual(kind, "str", place)
            if node.style is None:
                self.assertNotRegex(node.value, f"^({self.NO_TEXT})$", place)

    def test_every_document_survives_being_written_again(self):
        import yaml
        for where, rendering, path in files(".yaml"):
            documents = rendering.documents(path)
            self.assertEqual(list(yaml.safe_load_all(yaml.safe_dump_all(documents))), documents, where)
            self.assertNotIn(None, documents, where)


class ScriptsTest(unittest.TestCase):
    def test_shellcheck_finds_nothing(self):
        kexp_test.require(shellcheck_is_there(), "shellcheck is not installed (scripts/bootstrap.sh --tests)")
        checked = 0
        for where, rendering, path in files(".sh"):
            script = rendering.folder / path
            done = subprocess.run(["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", "--source-path=../10-nodes", script.name],
                                  cwd=script.parent, capture_output=True, text=True, check=False)
            with self.subTest(where):
                self.assertEqual(done.returncode, 0, done.stdout)
            checked += 1
        self.assertGreater(checked, 8)

    def test_scripts_can_be_run_and_stop_at_errors(self):
        for where, rendering, path in files(".sh"):
            if rendering.text(path).startswith("#!"):
                self.assertEqual((rendering.folder / path).stat().st_mode & 0o777, 0o755, where)
                self.assertIn("\nset -euo pipefail\n", rendering.text(path), where)

    def test_settings_can_be_read_by_a_shell(self):
        read = 0
        for where, rendering, path in files(".env"):
            names = re.findall(r"(?m)^([A-Za-z_0-9]+)=", rendering.text(path))
            program = f"set -euo pipefail; . ./{Path(path).name}; " + "".join(f'printf "%s\\n" "${name}"; ' for name in names)
            done = subprocess.run(["bash", "-c", program], cwd=(rendering.folder / path).parent, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), where)
            read += len(names)
        self.assertGreater(read, 5)


def shellcheck_is_there():
    return subprocess.run(["which", "shellcheck"], capture_output=True, check=False).returncode == 0


class RulesTest(unittest.TestCase):
    def test_promtool_takes_every_rule(self):
        import yaml
        promtool = kexp_test.fetched("promtool")
        checked = 0
        with tempfile.TemporaryDirectory() as folder:
            for where, thing in objects():
                if thing.root["kind"] == "PrometheusRule":
                    file = Path(folder, f"{checked}.yaml")
                    file.write_text(yaml.safe_dump({"groups": thing.root["spec"]["groups"]}))
                    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
                    self.assertEqual(done.returncode, 0, where + done.stdout + done.stderr)
                    checked += 1
        self.assertGreater(checked, 0)


class SafetyTest(unittest.TestCase):
    """What nobody may find in a rendering."""

    def test_secrets_are_apart_and_private(self):
        for rendering in renderings.values():
            secrets = {thing.path for thing in rendering.objects() if thing.root["kind"] == "Secret"}
            for path in rendering.paths():
                private = path.startswith("secrets/")
                self.assertEqual((rendering.folder / path).stat().st_mode & 0o077 == 0, private, path)
                self.assertTrue(private or path not in secrets, path)
            self.assertRegex(rendering.text(".gitignore"), r"(?m)^/?secrets/$")

    def test_no_image_moves(self):
        images = set()
        for _, rendering, path in files(".yaml"):
            images |= {image for document in rendering.documents(path) for image in find_all(document, "image")}
        self.assertGreater(len(images), 3)
        for image in images:
            self.assertRegex(image, r"(:[^/:]*[0-9][^/:]*|@sha256:[0-9a-f]{64})$")

    def test_the_broker_is_open_to_the_lan_alone(self):
        composes = 0
        for _, rendering, path in files("compose.yaml"):
            (compose,) = rendering.documents(path)
            for name, service in compose["services"].items():
                for port in service.get("ports", []):
                    self.assertRegex(str(port), r"^(?!0\.0\.0\.0)\d+\.\d+\.\d+\.\d+:\d+:\d+$", name)
                self.assertNotIn("privileged", service)
            composes += 1
        self.assertGreater(composes, 0)

    def test_no_object_stands_twice_and_every_one_of_ours_has_our_labels(self):
        for name, rendering in renderings.items():
            objects = rendering.objects()
            keys = [thing.key for thing in objects if not thing.is_patch]
            self.assertEqual(len(keys), len(set(keys)), name)
            for thing in objects:
                if not thing.is_patch:
                    labels = thing.root["metadata"].get("labels", {})
                    self.assertEqual(labels.get("app.kubernetes.io/managed-by"), "kexp", thing)
                    self.assertIn("kexp.dev/run", labels, thing)

    def test_a_namespace_is_made_before_what_is_in_it(self):
        bundles = {"kube-system", "monitoring", "keda", "observability"}  # brought by upstream's, or there already
        for name, rendering in renderings.items():
            made = set(bundles)
            for thing in rendering.objects():
                kind, namespace, own_name = thing.key
                if kind == "Namespace":
                    made.add(own_name)
                self.assertIn(namespace, made | {None}, f"{name}: {thing}")

    def test_nothing_is_privileged_but_kepler_when_told(self):
        for name, rendering in renderings.items():
            for thing in rendering.objects():
                privileged = [value for value in find_all(thing.root, "privileged") if value]
                if privileged:
                    self.assertEqual((name, thing.key), ("open", ("DaemonSet", "kepler", "kepler")))


def find_all(node, key):
    """Every value of `key`, however deep."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from find_all(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from find_all(item, key)


if __name__ == "__main__":
    kexp_test.main()
