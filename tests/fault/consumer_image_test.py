"""The consumer's image, built without a container engine: what is in it, what it weighs, and that it works as a strict pod.

Where it is built is a Debian of its own (debootstrap, packages, a compilation: 5 minutes on 2 quiet cores); only the result is weighed. It
then runs as its user, with its own files alone, read-only, against a real Kafka.
"""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test import image
from kexp_test.darknet import no_detector, write_darknet
from kexp_test.images import png
from kexp_test.pod import Pod, Topics

BUILD_SECONDS = 2400
MOST_BYTES = 250e6
MOST_BYTES_WITH_OPENVINO = 340e6
# KEXP_IMAGE_BUILD_ROOT names a folder that keeps the Debian between two runs, for working on the image.
BUILD_ROOT = os.environ.get("KEXP_IMAGE_BUILD_ROOT")


class ConsumerImageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        kexp_test.require(os.geteuid() == 0, "a chroot takes root")
        kexp_test.require(shutil.which("debootstrap"), "no debootstrap")
        folder = tempfile.TemporaryDirectory(prefix="kexp-image-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.folder.chmod(0o755)  # the image's user goes through it
        cls.root = Path(BUILD_ROOT or cls.folder / "root")
        cls.tree = cls.folder / "tree"
        cls.picture = cls.folder / "picture.png"
        cls.picture.write_bytes(png(320, 240, (40, 90, 160)))
        done = kexp_test.run(["model", "prepare", write_darknet(cls.folder)])  # a second model, our own
        assert done.returncode == 0, done.stderr
        cls.own_model = cls.folder / "tiny.onnx"
        done = cls.build("--tree", cls.tree, "--save", cls.folder / "image.tar", "--model", cls.own_model, "--picture", cls.picture)
        assert done.returncode == 0, done.stderr
        cls.said = done.stderr
        cls.saved = image.SavedImage(cls.folder / "image.tar")

    @classmethod
    def build(cls, *args):
        return image.build("--tool", "root", "--build-root", cls.root, *args, timeout=BUILD_SECONDS)

    def files(self):
        return [file.relative_to(self.tree) for file in self.tree.rglob("*") if file.is_file() and not file.is_symlink()]

    def weight(self, folder):
        return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())

    def strictly(self, settings, *options, tree=None):
        """The arguments of RUN_IN_TREE in front of a command of the image, which sees nothing of this machine but `settings`."""
        return [*[word for name, value in settings.items() for word in ("--env", f"{name}={value}")], *options, tree or self.tree]

    def inside(self, *words, picture=None, env=None, tree=None):
        """Runs a command of the image, with the image's environment and `env`."""
        options = ["--with", picture] if picture else []
        return kexp_test.run([*self.strictly({**self.saved.environment, **(env or {})}, *options, tree=tree), *words],
                             program=image.RUN_IN_TREE)

    def test_it_weighs_no_more_than_it_may(self):
        weight = self.weight(self.tree)
        print(json.dumps({"unpacked_mb": round(weight / 1e6, 1), "tar_mb": round((self.folder / "image.tar").stat().st_size / 1e6, 1),
                          "files": len(self.files()), "said": self.said.splitlines()[-2:]}), file=sys.stderr)
        self.assertLess(weight, MOST_BYTES)

    def test_it_holds_the_closure_and_nothing_to_break_in_with(self):
        names = {file.name for file in self.files()}
        for stranger in ("sh", "bash", "dash", "apt", "apt-get", "dpkg", "python3", "busybox"):
            self.assertNotIn(stranger, names)
        for library in ("openblas", "hdf5", "curl", "gdal", "simdjson"):
            self.assertFalse([name for name in names if library in name], library)
        executable = {str(file) for file in self.files() if (self.tree / file).stat().st_mode & 0o111}
        self.assertEqual({name for name in executable if ".so" not in name}, {"usr/local/bin/kexp"})
        self.assertFalse([file for file in self.files() if (self.tree / file).stat().st_mode & 0o6022])  # setuid, or others may write

    def test_it_says_what_it_is(self):
        labels = self.saved.config["Labels"]
        self.assertEqual((labels["dev.kexp.debian"], labels["dev.kexp.librdkafka"]), ("12", "2.0.2"))
        self.assertRegex(labels["org.opencontainers.image.revision"], r"^[0-9a-f]{40}(-dirty)?$")
        version = self.inside("kexp", "--version")
        self.assertEqual(version.returncode, 0, version.stderr)
        self.assertIn("librdkafka 2.0.2", version.stdout)
        packages = self.tree / "var/lib/dpkg/status.d"
        self.assertIn("Version: 2.0.2-", (packages / "librdkafka1").read_text())
        for package in packages.iterdir():
            self.assertTrue((self.tree / "usr/share/doc" / package.name / "copyright").is_file(), package)

    def test_it_has_the_pod_s_commands_alone(self):
        usage = self.inside("kexp", "--help").stdout
        commands = re.findall(r"(?m)^  (\w+)  ", usage.split("ubcommands:")[1])
        self.assertEqual(commands, ["consume", "model"])
        done = self.inside("kexp", "model", "get", "yolov5n", "--models-dir", "/tmp")
        self.assertEqual(done.returncode, 1)
        self.assertIn("this build of kexp has no HTTP client", done.stderr)

    def test_its_models_are_those_that_were_built_in(self):
        done = kexp_test.run(["--check", "--strict", "SHA256SUMS"], program="sha256sum", cwd=self.tree / "models")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({file.name for file in (self.tree / "models").iterdir()}, {"SHA256SUMS", "tiny.onnx", "yolov3-tiny.onnx"})

    def test_it_finds_what_the_whole_build_finds(self):
        """Also that the reference BLAS changes nothing."""
        data = kexp_test.test_data()
        picture = data / "data/images/bus.jpg" if data else self.picture
        for model in ("yolov3-tiny", "tiny"):
            found = []
            options = ["--engine", "opencv", "--json", "--images"]  # the whole build may have another one for `auto`
            for done in (self.inside("kexp", "model", "check", f"/models/{model}.onnx", *options, f"/tmp/{picture.name}", picture=picture),
                         kexp_test.run(["model", "check", self.tree / f"models/{model}.onnx", *options, picture])):
                self.assertEqual(done.returncode, 0, done.stderr)
                found.append(json.loads(done.stdout)["detections"])
            self.assertEqual(*found)

    def test_it_consumes_as_a_strict_pod(self):
        kafka = kexp_test.LocalKafka()
        self.addCleanup(kafka.close)
        kafka.start()
        topics = Topics(kafka, "image")
        port = kexp_test.free_port()
        settings = {**self.saved.environment, "KAFKA_SERVERS": kafka.servers, "KAFKA_INPUT_TOPIC": topics.input,
                    "KAFKA_OUTPUT_TOPIC": topics.output, "YOLO_MODEL": "yolov3-tiny", "POD_NAME": "pod-1",
                    "KEXP_METRICS_ADDRESS": "127.0.0.1", "KEXP_METRICS_PORT": str(port)}
        self.assertEqual(self.saved.config["Entrypoint"] + self.saved.config["Cmd"], ["kexp", "consume"])
        pod = Pod(kafka.servers, program=image.RUN_IN_TREE, prefix=[*self.strictly(settings), "kexp"])
        self.addCleanup(pod.close)
        pod.wait_ready()
        topics.send("7", self.picture.read_bytes())
        topics.wait_for_ids(["7"])
        answer, = topics.answers()
        self.assertEqual((answer["model"], answer["pod"], answer["errors"]), ("yolov3-tiny", "pod-1", 0))
        self.assertEqual(pod.get("/healthz")[0], 200)

        healthcheck = self.saved.config["Healthcheck"]["Test"][1:]
        asked = self.inside(*healthcheck, env={"KEXP_METRICS_ADDRESS": "127.0.0.1", "KEXP_METRICS_PORT": str(port)})
        self.assertEqual(asked.returncode, 0, asked.stdout + asked.stderr)
        status = Path(f"/proc/{pod.pid}/status").read_text()
        self.assertIn("Uid:\t10001\t10001", status)
        self.assertIn("Gid:\t10001\t10001", status)
        mounted = Path(f"/proc/{pod.pid}/mountinfo").read_text().split("\n")
        self.assertTrue([line for line in mounted if line.split()[4:5] == ["/"] and line.split()[5].startswith("ro")], mounted)

        pod.signal(signal.SIGTERM)
        self.assertEqual(pod.wait(40), 0, pod.output())
        gone = self.inside(*healthcheck, env={"KEXP_METRICS_ADDRESS": "127.0.0.1", "KEXP_METRICS_PORT": str(port)})
        self.assertEqual(gone.returncode, 1)

    def test_with_openvino_it_finds_the_same_and_weighs_no_more_than_it_may(self):
        tree = self.folder / "openvino"
        done = self.build("--tree", tree, "--with-openvino", "--picture", self.picture)
        self.assertEqual(done.returncode, 0, done.stderr)
        weight = self.weight(tree)
        print(json.dumps({"openvino_unpacked_mb": round(weight / 1e6, 1)}), file=sys.stderr)
        self.assertLess(weight, MOST_BYTES_WITH_OPENVINO)
        data = kexp_test.test_data()
        picture = data / "data/images/bus.jpg" if data else self.picture
        found = {}
        for engine in ("opencv", "openvino"):
            done = self.inside("kexp", "model", "check", "/models/yolov3-tiny.onnx", "--engine", engine, "--images", f"/tmp/{picture.name}", "--json",
                               picture=picture, tree=tree)
            self.assertEqual(done.returncode, 0, done.stderr)
            answer = json.loads(done.stdout)
            self.assertEqual(answer["engine"], engine)
            found[engine] = [(item["label"], round(item["confidence"], 2)) for item in answer["detections"]]
        self.assertEqual(found["opencv"], found["openvino"])

    def test_a_model_that_is_no_detector_ends_the_build(self):
        broken = self.folder / "broken.onnx"
        broken.write_bytes(no_detector(self.own_model.read_bytes()))
        done = self.build("--tree", self.folder / "other", "--models", "", "--model", broken)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no detector", done.stderr)


if __name__ == "__main__":
    kexp_test.main()
