"""`kexp consume` as the tests run it, and the messages around it."""

import json
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from .data import require, test_data
from .processes import Process, run
from .wait import wait_until


def model():
    """A model file for tests that only need some detector: a golden one, else the default one, fetched once."""
    folder = test_data()
    if folder is not None and (folder / "models/custom-20k-640.onnx").is_file():
        return folder / "models/custom-20k-640.onnx"
    done = run(["model", "get", "yolov3-tiny"], timeout=300)
    require(done.returncode == 0, f"no model: {done.stderr.strip()}")
    return "yolov3-tiny"


class Pod(Process):
    """A consumer in the background. Its metrics port is known once the first line about it is out."""

    def __init__(self, servers, *args, env=None, program=None, prefix=()):
        settings = {"KAFKA_SERVERS": servers, "YOLO_MODEL": model(), **(env or {})}
        super().__init__([*prefix, "consume", *args], env=settings, program=program)

    def port(self):
        return int(self.wait_for_line(r"metrics_port=(\d+)").group(1))

    def get(self, path):
        """(status, text) of its endpoint."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port()}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def wait_ready(self, timeout=60):
        self.wait_for(lambda: self.get("/readyz")[0] == 200, timeout, lambda: f"a ready consumer: {self.output()}")

    def wait_for(self, predicate, timeout, what):
        def ended_or():
            assert self.running(), f"the consumer ended: {self.output()}"
            return predicate()

        return wait_until(ended_or, timeout, what)

    def metric(self, name):
        """The sum over the labels of a metric; None when it is not there."""
        values = re.findall(rf"^{re.escape(name)}(?:{{.*}})? (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return sum(map(float, values)) if values else None


class Topics:
    """An input and an output topic of one test, read and written by kcat."""

    def __init__(self, kafka, name, partitions=1, output_configs=None):
        require(shutil.which("kcat"), "no kcat")
        self.kafka = kafka
        self.input = f"{name}-in"
        self.output = f"{name}-out"
        kafka.create_topic(self.input, partitions, {"max.message.bytes": "16777216"})
        kafka.create_topic(self.output, 1, output_configs)

    def arguments(self):
        return ["--input-topic", self.input, "--output-topic", self.output]

    def send(self, key, value, partition=-1, headers=()):
        """One message whose value is `value`, bytes."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "value")
            file.write_bytes(value)
            self._produce(["-k", key, "-p", str(partition), *(word for h in headers for word in ("-H", h)), str(file)])

    def send_file(self, file, keys, partition=-1):
        """One message for each key, all with the content of `file`."""
        for key in keys:
            self._produce(["-k", key, "-p", str(partition), str(file)])

    def send_files(self, files, partition=-1):
        """One message without a key for each file, in one go."""
        self._produce(["-p", str(partition), *map(str, files)])

    def send_copies(self, value, count, partition):
        """So many messages without a key, in one go; their values are `value`, bytes."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "value")
            file.write_bytes(value)
            self.send_files([file] * count, partition)

    def send_empty(self, key):
        self._produce(["-K", "=", "-Z"], stdin=f"{key}=\n")

    def _produce(self, args, stdin=None):
        self._kcat("-P", "-t", self.input, "-X", "message.max.bytes=16777216", *args, stdin=stdin)

    def _kcat(self, *args, stdin=None):
        done = run(["-b", self.kafka.servers, *args], program="kcat", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def count(self):
        """How many answers there are."""
        return int(self._kcat("-Q", "-t", f"{self.output}:0:-1").split()[-1])

    def wait_for_count(self, count, timeout=60):
        wait_until(lambda: self.count() >= count, timeout, lambda: f"{count} answers; there are {self.count()}")

    def answers(self):
        """Every answer so far, in order, as objects."""
        count = self.count()  # A reader that stops "at the end" never finds it while answers keep coming.
        if count == 0:
            return []
        lines = self._kcat("-C", "-t", self.output, "-o", "beginning", "-c", str(count), "-q", "-f", "%s\n").splitlines()
        return [json.loads(line) for line in lines]

    def ids(self):
        return [answer["id"] for answer in self.answers()]

    def wait_for_ids(self, ids, timeout=60):
        """Waits until each of `ids` has an answer; all ids then, in order."""
        seen = []

        def complete():
            seen[:] = self.ids()
            return set(ids) <= set(seen)

        wait_until(complete, timeout, lambda: f"answers to {sorted(set(ids) - set(seen))}")
        return seen
