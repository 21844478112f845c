"""kexp deploy: from one cluster file to the folder that a person applies; and deploy/ is what it writes for the reference cluster."""

import filecmp
import json
import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

GOLDEN = kexp_test.ROOT / "deploy"


class DeployCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)

    def kexp(self, *args):
        return kexp_test.run(["deploy", *args], cwd=self.dir)

    def ok(self, *args):
        done = self.kexp(*args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, *args):
        done = self.kexp(*args)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        return done.stderr

    def files(self, folder):
        return sorted(str(path.relative_to(self.dir / folder)) for path in (self.dir / folder).rglob("*") if path.is_file())

    def change(self, old, new):
        """In cluster.yaml."""
        file = self.dir / "cluster.yaml"
        self.assertIn(old, file.read_text())
        file.write_text(file.read_text().replace(old, new))


class InitTest(DeployCase):
    def test_writes_a_file_that_render_takes(self):
        for existing in ([], ["--existing", "lab"]):
            with self.subTest(existing):
                self.assertIn("kexp deploy render cluster.yaml -o", self.ok("init", "--force", *existing))
                self.assertIn("README.md", self.ok("render", "cluster.yaml", "-o", f"rendered{len(existing)}"))

    def test_the_reference_cluster_takes_few_lines(self):
        self.assertLessEqual(len(self.ok("init", "-o", "-").splitlines()), 60)

    def test_prints_when_told(self):
        text = self.ok("init", "-o", "-")
        self.assertEqual(os.listdir(self.dir), [])
        self.ok("init", "--out", "mine.yaml")
        self.assertEqual((self.dir / "mine.yaml").read_text(), text)

    def test_keeps_a_file_that_is_there(self):
        (self.dir / "cluster.yaml").write_text("precious")
        self.assertIn("--out cluster.yaml exists already; --force", self.refused("init"))
        self.assertEqual((self.dir / "cluster.yaml").read_text(), "precious")
        self.ok("init", "--force")

    def test_prints_a_schema_for_editors(self):
        schema = json.loads(self.ok("init", "--schema"))
        self.assertEqual(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        self.assertIn("scaler", schema["properties"])
        self.assertIn("--existing", self.refused("init", "--schema", "--existing", "lab"))

    def test_the_schema_knows_the_files_of_init(self):
        kexp_test.import_kubernetes_validate()
        import jsonschema
        import yaml
        schema = json.loads(self.ok("init", "--schema"))
        jsonschema.Draft202012Validator.check_schema(schema)
        for existing in ([], ["--existing", "lab"]):
            cluster = yaml.safe_load(self.ok("init", "-o", "-", *existing))
            jsonschema.validate(cluster, schema, cls=jsonschema.Draft202012Validator)
            cluster["scaler"]["no_such_key"] = 1
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate(cluster, schema, cls=jsonschema.Draft202012Validator)


class RenderTest(DeployCase):
    def setUp(self):
        super().setUp()
        self.ok("init")

    def render(self, *args):
        return self.ok("render", "cluster.yaml", "-o", "out", *args)

    def test_says_what_it_did_and_what_is_next(self):
        count = int(re.match(r"out: (\d+) files written, 0 unchanged, 0 removed\n", self.render()).group(1))
        lists = [path for path in self.files("out") if path.endswith(".kexp-rendered")]
        self.assertEqual(len(self.files("out")), count + len(lists))
        again = self.render()
        self.assertRegex(again, rf"^out: 0 files written, \d+ unchanged, 0 removed\n")
        self.assertIn("next: out/README.md", again)

    def test_the_same_file_gives_the_same_bytes(self):
        self.render()
        self.ok("render", "cluster.yaml", "-o", "other")
        for path in self.files("out"):
            if not path.startswith("secrets/"):
                self.assertTrue(filecmp.cmp(self.dir / "out" / path, self.dir / "other" / path, shallow=False), path)

    def test_passwords_are_private_differ_and_are_kept(self):
        self.render()
        self.ok("render", "cluster.yaml", "-o", "other")
        first = (self.dir / "out/secrets/grafana-password").read_text()
        self.assertRegex(first, r"^[0-9A-Za-z]{24}\n$")
        self.assertNotEqual((self.dir / "other/secrets/grafana-password").read_text(), first)
        self.render()
        self.assertEqual((self.dir / "out/secrets/grafana-password").read_text(), first)
        for path in self.files("out"):
            if not path.startswith("secrets/"):
                self.assertNotIn(first.strip(), (self.dir / "out" / path).read_text(), path)
        self.assertEqual((self.dir / "out/secrets").stat().st_mode & 0o777, 0o700)

    def test_names_what_it_removes(self):
        self.render()
        self.change("hpa:", "keda:")
        self.change("cpu_percent: 80", "lag: 50")
        self.assertIn("removed: 90-scaling/", self.render())

    def test_an_edited_file_is_kept_unless_forced(self):
        self.render()
        edited = self.dir / "out/README.md"
        edited.write_text("my notes")
        self.change("name: kexp", "name: lab2")
        self.assertIn("README.md (edited since kexp wrote it)", self.refused("render", "cluster.yaml", "-o", "out"))
        self.assertEqual(edited.read_text(), "my notes")
        self.render("--force")
        self.assertNotEqual(edited.read_text(), "my notes")

    def test_what_is_wrong_has_its_line_and_nothing_is_written(self):
        self.change("cpu_percent: 80", "cpu_percent: eighty")
        line = (self.dir / "cluster.yaml").read_text().splitlines().index(next(
            line for line in (self.dir / "cluster.yaml").read_text().splitlines() if "eighty" in line)) + 1
        stderr = self.refused("render", "cluster.yaml", "-o", "out")
        self.assertIn(f"cluster.yaml:{line}: scaler.hpa.cpu_percent", stderr)
        self.assertFalse((self.dir / "out").exists())

    def test_warnings_have_their_line_on_stderr(self):
        self.change("max_pods:", "max_pods: 34 #")  # more than there is room for
        done = self.kexp("render", "cluster.yaml", "-o", "out")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^\S+Z warning cluster\.yaml:\d+: scaler\.max_pods: ")
        self.assertNotIn("warning", done.stdout)

    def test_warns_of_manifests_that_would_be_applied_along(self):
        self.render()
        for name in ("80-consumers/mine.yaml", "80-consumers/notes.txt", "cluster.yaml"):
            (self.dir / "out" / name).write_text("kind: ConfigMap")
        done = self.kexp("render", "cluster.yaml", "-o", "out")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("out/80-consumers/mine.yaml is not kexp's: kubectl apply -f takes it", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_bad_flags_are_named(self):
        self.assertIn("init or render", self.refused())
        self.assertIn("deploy render needs a file", self.refused("render", "-o", "out"))
        self.assertIn("--out", self.refused("render", "cluster.yaml"))
        self.assertIn("cluster.yaml is no folder", self.refused("render", "cluster.yaml", "-o", "cluster.yaml"))
        self.assertIn("cannot read nowhere.yaml: No such file", self.refused("render", "nowhere.yaml", "-o", "out"))


class GoldenTest(DeployCase):
    """deploy/ of the project; KEXP_UPDATE_GOLDEN=1 rewrites it."""

    def test_deploy_is_what_render_writes_for_the_reference_cluster(self):
        if os.environ.get("KEXP_UPDATE_GOLDEN") == "1":
            self.ok("init", "--force", "-o", GOLDEN / "cluster.yaml")
            self.ok("render", GOLDEN / "cluster.yaml", "-o", GOLDEN, "--force")
        self.ok("init")
        self.ok("render", "cluster.yaml", "-o", ".")
        wanted = {path for path in self.files(".") if not path.startswith("secrets/")}
        there = {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*") if path.is_file()}
        self.assertEqual({path for path in there if not path.startswith(("secrets/", "upstream/"))}, wanted)
        for path in sorted(wanted):
            with self.subTest(path):
                self.assertEqual((GOLDEN / path).read_text(), (self.dir / path).read_text())
                self.assertEqual(os.access(GOLDEN / path, os.X_OK), os.access(self.dir / path, os.X_OK))


if __name__ == "__main__":
    kexp_test.main()
