"""The consumer's image without building it: its recipe, the scripts around it, and that the rendered Deployment fits it.

That it builds and works: tests/fault/consumer_image_test.py.
"""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test import image

DOCKERFILE = (kexp_test.ROOT / "Dockerfile.consumer").read_text()


class Temporary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


def recipe(folder, text=DOCKERFILE, **arguments):
    """(the configuration, what was RUN) of the recipe, carried out with nothing but the running left out."""
    module = image.build_in_root()
    ran = []

    class Dry(module.Builder):
        def prepare_root(self):
            (self.root / "image/models").mkdir(parents=True, exist_ok=True)

        def do_run(self, line, rest):
            ran.append((rest, dict(self.values)))

    context = folder / "context"
    (context / "scripts").mkdir(parents=True, exist_ok=True)
    (context / "Dockerfile.consumer").write_text(text)
    shutil.rmtree(folder / "tree", ignore_errors=True)
    return Dry(context, folder / "root", folder / "tree", arguments).build(), ran


class RecipeTest(Temporary):
    def test_the_way_without_an_engine_reads_all_of_the_dockerfile(self):
        config, ran = recipe(self.folder, OPENVINO="yes", MODELS="a b", REVISION="abc")
        steps = [re.fullmatch(r"scripts/lib/image/recipe\.sh (\w+)(?: /image)?", command)[1] for command, _ in ran]
        self.assertEqual(steps, ["packages", "build", "models", "files"])
        self.assertEqual(ran[0][1]["LIBRDKAFKA"], "2.0.2")
        self.assertEqual((ran[1][1]["OPENVINO"], ran[2][1]["MODELS"]), ("yes", "a b"))
        self.assertTrue((self.folder / "tree/models").is_dir())
        self.assertEqual(config["Labels"]["dev.kexp.models"], "a b")
        self.assertEqual(config["Labels"]["org.opencontainers.image.revision"], "abc")
        self.assertEqual(config["Labels"]["org.opencontainers.image.base.name"], "docker.io/library/debian:12-slim")
        self.assertEqual(config["Healthcheck"], {"Test": ["CMD", "kexp", "consume", "--check-health"], "Interval": 30 * 10**9,
                                                 "Timeout": 5 * 10**9, "StartPeriod": 180 * 10**9, "Retries": 3})

    def test_what_it_cannot_carry_out_is_refused(self):
        module = image.build_in_root()
        for text, words in ((DOCKERFILE + "VOLUME /data\n", "VOLUME is not carried out"),
                            (DOCKERFILE.replace("FROM scratch", "FROM debian"), "FROM scratch"),
                            (DOCKERFILE.replace("${VERSION}", "${VERSOIN}"), "VERSOIN is no ARG"),
                            (DOCKERFILE.replace("COPY scripts scripts", "COPY nosuch scripts"), "there is no nosuch")):
            with self.subTest(words), self.assertRaisesRegex(module.BuildError, words):
                recipe(self.folder, text)
        with self.assertRaisesRegex(module.BuildError, "no ARG COLOUR"):
            recipe(self.folder, COLOUR="red")

    def test_the_same_files_give_the_same_image(self):
        module = image.build_in_root()
        tree = self.folder / "tree"
        (tree / "usr/bin").mkdir(parents=True)
        (tree / "usr/bin/kexp").write_bytes(b"program")
        (tree / "usr/bin/kexp").chmod(0o755)
        (tree / "lib").symlink_to("usr/lib")
        files = [self.folder / "a.tar", self.folder / "b.tar"]
        for file in files:
            module.write_archive(file, "localhost/x:1", tree, {"Cmd": ["consume"]}, 1700000000)
            (tree / "usr/bin/kexp").touch()
        self.assertEqual(files[0].read_bytes(), files[1].read_bytes())
        saved = image.SavedImage(files[0])
        self.assertEqual(saved.manifest["RepoTags"], ["localhost/x:1"])
        self.assertEqual(saved.image["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(saved.layers[0]).hexdigest()])
        with tarfile.open(fileobj=io.BytesIO(saved.layers[0])) as layer:
            program = layer.getmember("usr/bin/kexp")
            self.assertEqual((program.uid, program.mode, program.mtime), (0, 0o755, 1700000000))
            self.assertEqual(layer.getmember("lib").linkname, "usr/lib")


class DeploymentTest(Temporary):
    """What `deploy render` writes expects what the image has."""

    def setUp(self):
        super().setUp()
        self.config, _ = recipe(self.folder)
        manifests = kexp_test.ROOT / "deploy/80-consumers/30-consumer.yaml"  # as rendered, which a test of its own checks
        objects = list(yaml.safe_load_all(manifests.read_text()))
        self.pod = next(item for item in objects if item["kind"] == "Deployment")["spec"]["template"]["spec"]
        self.container, = self.pod["containers"]

    def test_user_and_root(self):
        security = self.pod["securityContext"]
        self.assertEqual(self.config["User"], f"{security['runAsUser']}:{security['runAsGroup']}")
        self.assertEqual(re.search(r"^user=(\d+)", (image.SCRIPTS / "recipe.sh").read_text(), re.M)[1], str(security["runAsUser"]))
        self.assertIn(f"userspec={self.config['User']}", image.RUN_IN_TREE.read_text())
        self.assertTrue(self.container["securityContext"]["readOnlyRootFilesystem"])

    def test_program_and_port(self):
        self.assertEqual(self.config["Entrypoint"], ["kexp"])
        self.assertEqual(self.config["Cmd"], self.container["args"])
        self.assertNotIn("command", self.container)
        port, = self.container["ports"]
        self.assertEqual(list(self.config["ExposedPorts"]), [f"{port['containerPort']}/tcp"])

    def test_environment(self):
        ours = dict(word.split("=", 1) for word in self.config["Env"])
        theirs = {entry["name"]: entry.get("value") for entry in self.container["env"]}
        for name in ours.keys() & theirs.keys():
            self.assertEqual(ours[name], theirs[name], name)
        self.assertEqual(ours["KEXP_METRICS_PORT"], str(self.container["ports"][0]["containerPort"]))
        self.assertEqual(ours["KEXP_MODELS_DIR"], "/models")
        self.assertIn(theirs["YOLO_MODEL"], self.config["Labels"]["dev.kexp.models"].split())

    def test_name(self):
        self.assertIn(f"[{self.container['image'].replace('0.1.0', 'VERSION')}]", image.build("--help").stdout)


class ClosureTest(Temporary):
    def gather(self, *files):
        return kexp_test.run([self.folder / "tree", *files], program=image.SCRIPTS / "gather-closure.sh")

    def test_each_library_comes_as_a_file_of_its_own(self):
        done = self.gather(kexp_test.kexp_binary())
        self.assertEqual(done.returncode, 0, done.stderr)
        tree = self.folder / "tree"
        libraries = [Path(line) for line in done.stdout.split()]
        self.assertTrue(any("librdkafka" in library.name for library in libraries))
        blas, = tree.rglob("libblas.so.3")
        self.assertFalse(blas.is_symlink())  # here it is a link to what /etc/alternatives chooses
        self.assertEqual([file for file in tree.rglob("*") if file.is_symlink() and not file.exists()], [])

    def test_programs_run_with_what_was_gathered_alone(self):
        if os.geteuid() != 0:
            self.skipTest("a chroot takes root")
        if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("mounts of one's own are not allowed here, as in a chroot")
        done = self.gather("/usr/bin/id", "/usr/bin/touch", "/usr/bin/cat")
        self.assertEqual(done.returncode, 0, done.stderr)
        tree = self.folder / "tree"
        for folder in (".", "proc", "dev", "sys", "tmp"):
            (tree / folder).mkdir(exist_ok=True)
            (tree / folder).chmod(0o755)
        self.folder.chmod(0o755)
        (self.folder / "note").write_text("hello")

        def inside(*words):
            done = kexp_test.run(["--with", self.folder / "note", tree, *words], program=image.RUN_IN_TREE)
            return done.returncode, done.stdout, done.stderr

        self.assertEqual(inside("/usr/bin/id", "-u"), (0, "10001\n", ""))
        self.assertEqual(inside("/usr/bin/cat", "/tmp/note"), (0, "hello", ""))
        self.assertEqual(inside("/usr/bin/touch", "/tmp/new"), (0, "", ""))
        code, _, why = inside("/usr/bin/touch", "/new")
        self.assertEqual(code, 1)
        self.assertIn("Read-only file system", why)
        self.assertEqual(list((tree / "tmp").iterdir()), [])

    def test_a_library_that_is_missing_is_named(self):
        source = self.folder / "a.c"
        for name, text, flags in (("libnot.so", "int no(void) { return 1; }", ["-shared"]),
                                  ("program", "int no(void); int main(void) { return no(); }", [f"-L{self.folder}", "-lnot"])):
            source.write_text(text)
            subprocess.run(["cc", "-fPIC", "-o", self.folder / name, source, *flags], check=True)
        done = self.gather(self.folder / "program")
        self.assertEqual(done.returncode, 1)
        self.assertIn("libnot.so => not found", done.stderr)

    def test_what_is_no_program_is_named(self):
        for file, words in ((self.folder / "nosuch", "there is no file"), (kexp_test.ROOT / "README.md", "is no program")):
            done = self.gather(file)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)


FAKE_ENGINE = """#!/bin/bash
echo "${0##*/} $*" >>"$FAKE_LOG"
case $1 in
  info) exit "${FAKE_INFO:-0}" ;;
  build) cp -r "${@: -1}" "$FAKE_LOG.context"; exit "${FAKE_BUILD:-0}" ;;
  run)
    case "$*" in
      *" --version") echo "kexp 0.1.0" ;;
      *) exit "${FAKE_CHECK:-0}" ;;
    esac
    echo "median   50.0 ms of inference" ;;
  image) echo 123456789 ;;
  save) echo image >"$3" ;;
esac
"""


class BuildScriptTest(Temporary):
    def setUp(self):
        super().setUp()
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.log = self.folder / "log"
        for name in ("docker", "podman", "buildah"):
            (self.bin / name).write_text(FAKE_ENGINE)
            (self.bin / name).chmod(0o755)

    def build(self, *args, **variables):
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "FAKE_LOG": self.log, **variables}
        return image.build(*args, env=environment)

    def fails(self, code, words, *args, **variables):
        done = self.build(*args, **variables)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertIn(words, done.stderr)
        self.assertFalse(Path(f"{self.log}.context").exists(), "something was built")

    def file(self, name, content=b"model"):
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def test_wrong_options_are_named_before_anything_is_done(self):
        self.fails(2, "unknown option '--nosuch'", "--nosuch")
        self.fails(2, "--save needs a value", "--save")
        self.fails(2, "--name must be an image with a tag", "--name", "kexp-consumer")
        self.fails(2, "--name must be an image with a tag other than latest", "--name", "localhost/kexp-consumer:latest")
        self.fails(2, "--push must be an image", "--push", "registry.lab:5000/Kexp Consumer:1")
        self.fails(2, "--model: there is no file", "--model", self.folder / "nosuch.onnx")
        self.fails(2, "--model must be an .onnx or a Darknet .cfg", "--model", self.file("model.pt"))
        self.fails(2, "needs its weights beside it", "--model", self.file("tiny.cfg"))
        self.file("nameless.weights")
        self.fails(2, "needs its labels beside it", "--model", self.file("nameless.cfg"))
        self.fails(2, "file name consists of", "--model", self.file("my model.onnx"))
        self.fails(2, "an image without a model", "--models", "")
        self.fails(2, "--picture: there is no file", "--picture", self.folder / "nosuch.jpg")
        self.fails(2, "--save: there is no folder", "--save", self.folder / "nosuch/image.tar")
        self.fails(2, "--tool must be", "--tool", "kaniko")
        self.fails(2, "belong to --tool root", "--tree", self.folder / "tree")
        self.fails(2, "--tool root cannot push", "--tool", "root", "--push", "localhost/a:1")
        self.fails(2, "not in --base", "--tool", "root", "--base", "debian:12")
        self.fails(2, "give --save F.tar", "--tool", "root")
        self.fails(2, "is there already", "--tool", "root", "--tree", self.folder)
        self.assertFalse(self.log.exists(), "an engine was asked")

    def test_without_an_engine_that_answers_it_says_what_there_is(self):
        self.fails(3, "docker does not answer; podman does not answer; buildah does not answer; no docker, podman or buildah", FAKE_INFO="1")
        self.fails(3, "podman is here but does not answer", "--tool", "podman", FAKE_INFO="1")

    def test_what_is_no_checkout_is_named(self):
        copy = self.folder / "copy"
        shutil.copytree(kexp_test.ROOT / "scripts", copy / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(kexp_test.ROOT / "CMakeLists.txt", copy)
        done = image.build("--tool", "docker", env={"PATH": f"{self.bin}:{os.environ['PATH']}", "FAKE_LOG": self.log},
                           script=copy / "scripts/build-consumer-image.sh")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no git checkout", done.stderr)

    def test_an_engine_builds_tries_saves_and_pushes(self):
        model, cfg = self.file("own.onnx"), self.file("tiny.cfg")
        for name in ("tiny.weights", "tiny.names"):
            self.file(name)
        done = self.build("--name", "localhost/mine:2", "--model", model, "--model", cfg, "--with-openvino", "--base", "localhost/debian:12",
                          "--save", self.folder / "image.tar", "--push", "registry.lab:5000/mine:2")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertIn("localhost/mine:2: 123.5 MB unpacked, kexp 0.1.0", done.stderr)
        asked = self.log.read_text()
        for words in ("-t localhost/mine:2 ", "--build-arg OPENVINO=yes ", "--build-arg MODELS=yolov3-tiny ", "--build-arg VERSION=0.1.0 ",
                      "--build-arg BASE=localhost/debian:12 ", "--read-only --network none --cap-drop ALL localhost/mine:2 --version",
                      "model check /models/yolov3-tiny.onnx", "model check /models/own.onnx", "model check /models/tiny.onnx",
                      "docker tag localhost/mine:2 registry.lab:5000/mine:2", "docker push registry.lab:5000/mine:2"):
            self.assertIn(words, asked)
        self.assertRegex(asked, r"--build-arg REVISION=[0-9a-f]{40}(-dirty)? ")
        context = Path(f"{self.log}.context")
        self.assertTrue((context / "src/consumer").is_dir())
        self.assertFalse((context / ".git").exists() or (context / "build").exists())
        models = context / "image-models"
        self.assertEqual(sorted(file.name for file in models.iterdir()), ["SHA256SUMS", "own.onnx", "tiny.cfg", "tiny.names", "tiny.weights"])
        checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=models, capture_output=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual((self.folder / "image.tar").read_text(), "image\n")

    def test_darknets_usual_labels_go_with_each_model_that_has_none_of_its_own(self):
        cfg = [self.file("tiny.cfg"), self.file("other.cfg")]
        for name in ("tiny.weights", "other.weights"):
            self.file(name)
        self.file("coco.names", b"person\n")
        self.file("other.names", b"car\n")
        done = self.build("--model", cfg[0], "--model", cfg[1])
        self.assertEqual(done.returncode, 0, done.stderr)
        models = Path(f"{self.log}.context") / "image-models"
        self.assertEqual((models / "tiny.names").read_bytes(), b"person\n")
        self.assertEqual((models / "other.names").read_bytes(), b"car\n")

    def test_healthcheck_survives_in_what_podman_builds(self):
        self.assertEqual(self.build("--tool", "podman").returncode, 0)
        self.assertIn("podman build --format docker ", self.log.read_text())

    def test_a_step_that_fails_ends_it(self):
        done = self.build(FAKE_BUILD="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("docker could not build it", done.stderr)
        shutil.rmtree(f"{self.log}.context")
        done = self.build("--save", self.folder / "image.tar", FAKE_CHECK="2")
        self.assertEqual(done.returncode, 1)
        self.assertIn("kexp model check yolov3-tiny failed in the image", done.stderr)
        self.assertFalse((self.folder / "image.tar").exists(), "an image that does not work was saved")


if __name__ == "__main__":
    kexp_test.main()
