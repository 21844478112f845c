"""The rendered Kafka without containers: what compose.yaml tells the image makes a broker that takes our topics.

The image's own program reads the environment, as it does in the container, and the broker runs from what that made; only addresses, ports
and folders are those of this machine.
"""

import json
import re
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.fetched import fetched

JVM_VARIABLES = ("KAFKA_OPTS", "KAFKA_HEAP_OPTS")


class ComposeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.java = ["-cp", f"{fetched('kafka')}/libs/*"]
        cls.render()
        cls.ports = {name: kexp_test.free_port() for name in ("lan", "internal", "controller", "metrics")}
        cls.servers = f"127.0.0.1:{cls.ports['lan']}"
        cls.environment = {name: cls.on_this_machine(value) for name, value in cls.broker["environment"].items()}

    @classmethod
    def render(cls):
        for command in (["init", "-o", cls.folder / "cluster.yaml"], ["render", cls.folder / "cluster.yaml", "-o", cls.folder / "cluster"]):
            done = kexp_test.run(["deploy", *command])
            assert done.returncode == 0, done.stderr
        cls.rendered = cls.folder / "cluster" / "70-kafka"
        cls.broker = yaml.safe_load((cls.rendered / "compose.yaml").read_text())["services"]["kafka"]

    @classmethod
    def on_this_machine(cls, value):
        here = {
            r"INTERNAL://[^:,]*:\d+": f"INTERNAL://127.0.0.1:{cls.ports['internal']}",
            r"LAN://[^:,]*:\d+": f"LAN://127.0.0.1:{cls.ports['lan']}",
            r"CONTROLLER://[^:,]*:\d+": f"CONTROLLER://127.0.0.1:{cls.ports['controller']}",
            r"1@kafka:\d+": f"1@127.0.0.1:{cls.ports['controller']}",
            r"/var/lib/kafka/data": str(cls.folder / "data"),
            r"/opt/jmx/agent.jar=\d+": f"{fetched('kafka')}/libs/jmx_prometheus_javaagent-1.0.1.jar=127.0.0.1:{cls.ports['metrics']}",
            r"/opt/jmx/jmx.yml": str(cls.rendered / "jmx.yml"),
        }
        for pattern, replacement in here.items():
            value = re.sub(pattern, replacement, value)
        return value

    def set_up_as_the_image_does(self):
        """Makes server.properties of the environment and formats the data folder; returns the properties."""
        folders = {name: self.folder / name for name in ("default", "mounted", "final")}
        for folder in folders.values():
            folder.mkdir()
        # What the image would fall back on: none of it may be seen again.
        (folders["default"] / "server.properties").write_text("process.roles=broker\nnode.id=99\n")
        for name in ("log4j2.yaml", "tools-log4j2.yaml"):
            (folders["default"] / name).write_text("Configuration: {Loggers: {Root: {level: INFO}}}\n")
        done = kexp_test.run([*self.environment["KAFKA_OPTS"].split(), *self.java, "kafka.docker.KafkaDockerWrapper", "setup",
                              *(word for name, folder in folders.items() for word in (f"--{name}-configs-dir", folder))],
                             program="java", env=self.environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = (folders["final"] / "server.properties").read_text().splitlines()
        return folders["final"] / "server.properties", dict(line.split("=", 1) for line in lines if line)

    def topics_script(self):
        (self.rendered / "topics.env").write_text(
            re.sub(r"(?m)^servers=.*", f"servers={self.servers}", (self.rendered / "topics.env").read_text()))
        return kexp_test.run([], program=self.rendered / "topics.sh", env={"KEXP": str(kexp_test.kexp_binary())})

    def test_makes_a_broker_with_our_topics_and_metrics(self):
        file, properties = self.set_up_as_the_image_does()
        expected = {name[len("KAFKA_"):].lower().replace("_", "."): value for name, value in self.environment.items()
                    if name.startswith("KAFKA_") and name not in JVM_VARIABLES}
        self.assertEqual(properties, expected)

        jvm = self.environment["KAFKA_HEAP_OPTS"].split() + self.environment["KAFKA_OPTS"].split()
        with kexp_test.Process([*jvm, *self.java, "kafka.Kafka", file], program="java") as broker:
            broker.wait_for_line("Kafka Server started", timeout=120)
            # A name that Kafka does not know is ignored without a word; the ones it knows it prints with their values.
            known = dict(re.findall(r"^\t([\w.]+) = (.*)$", broker.stdout + broker.stderr, re.MULTILINE))
            self.assertEqual([name for name in properties if name not in known], [])
            self.assertEqual(known["message.max.bytes"], "16777216")

            for outcome in ("created", "exists already"):
                done = self.topics_script()
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout, f"yolo_input: 34 partitions, {outcome}\nyolo_output: 1 partition, {outcome}\n")
            described = json.loads(kexp_test.run(["topics", "describe", "--json", "--servers", self.servers]).stdout)
            self.assertEqual([topic["max_message_bytes"] for topic in described], [16 * 1024 * 1024] * 2)

            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['metrics']}/metrics", timeout=30) as answer:
                self.assertIn("kafka_server_replicamanager_partitioncount 35.0", answer.read().decode())


if __name__ == "__main__":
    kexp_test.main()
