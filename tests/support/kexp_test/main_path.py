"""What tests of commands at work on a broker that goes bad share: a run, its account, its metrics."""

import json
import shutil
import tempfile
import urllib.request
from pathlib import Path

from .broker_case import BrokerCase
from .data import require
from .feeding import FedRun
from .processes import Process, run
from .wait import wait_until


class MainPathCase(BrokerCase):
    """Each test has a folder of its own, with its run and the files by which Prometheus finds processes."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.own = Path(folder.name)
        self.fed = FedRun(self.own / "run")
        self.create_topic()
        self.env = {"KAFKA_SERVERS": self.kafka.servers, "KEXP_SD_DIR": self.own / "sd"}

    def start(self, *args):
        """A process of this run, at work."""
        process = Process([*args, "--topic", self.topic, "--run", self.fed.path], env=self.env)
        self.addCleanup(process.close)
        process.wait_for_line(rf"{args[0]}: started", stream="stderr")
        return process

    def start_feed(self, *args):
        """50 images/s."""
        return self.start("feed", "--dataset", self.dataset, "--max-ips", 50, "--profile", "constant", *args)

    def last_event(self, role="feed"):
        return json.loads((self.fed.path / f"{role}.json").read_text().splitlines()[-1])

    def metric(self, pid, name):
        """The value of a metric of a process, found as Prometheus finds it."""
        target = json.loads((self.own / "sd" / f"{pid}.json").read_text())[0]["targets"][0]
        with urllib.request.urlopen(f"http://{target}/metrics", timeout=30) as page:
            values = [line.split()[-1] for line in page.read().decode().splitlines() if line.startswith(name)]
        return sum(map(float, values))

    def wait_for_metric(self, pid, name, least):
        wait_until(lambda: self.metric(pid, name) >= least, 60, f"{name} to be {least}")

    def produce(self, lines, *args):
        require(shutil.which("kcat"), "no kcat")
        done = run(["-b", self.kafka.servers, "-P", "-t", self.topic, *args], program="kcat", stdin="".join(f"{line}\n" for line in lines))
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_adds_up(self, counts):
        self.assertEqual(counts["planned"], counts["sent"] + counts["dropped"])
        self.assertEqual(counts["sent"], counts["acknowledged"] + counts["failed"] + counts["unknown"])
