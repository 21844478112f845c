"""scripts/local-kafka.sh: a broker, what it says of itself, and what it refuses."""

import contextlib
import glob
import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))  # to be run without ctest, too
import kexp_test  # noqa: E402
from kexp_test.bad_world import small_disk  # noqa: E402
from kexp_test.kcat import kcat  # noqa: E402
from kexp_test.sockets import sockets_of  # noqa: E402

KAFKA = kexp_test.ROOT / "scripts/local-kafka.sh"


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def script(*args, env=None):
    """Runs local-kafka.sh, which is expected to end by itself."""
    return kexp_test.run(args, program=KAFKA, env=env, timeout=900)


class LocalKafkaTest(kexp_test.BrokerCase):
    def test_carries_a_message_of_15_megabytes(self):
        self.kafka.create_topic("big")
        message = os.urandom(1 << 16) * 229  # 15,007,744 bytes
        with tempfile.NamedTemporaryFile() as file:
            file.write(message)
            file.flush()
            kcat(self.kafka.servers, "-P", "-t", "big", file.name)
        self.assertEqual(kcat(self.kafka.servers, "-C", "-t", "big", "-e", "-q", "-D", "", "-X", "fetch.message.max.bytes=16777216"),
                         message)

    def test_a_mistyped_topic_is_not_created(self):
        with self.assertRaises(subprocess.CalledProcessError):
            kcat(self.kafka.servers, "-P", "-t", "mistyped", "-X", "message.timeout.ms=2000", "-X",
                 "topic.metadata.propagation.max.ms=500", stdin=b"x")
        self.assertNotIn(b"mistyped", kcat(self.kafka.servers, "-L"))

    def test_two_run_side_by_side(self):
        with kexp_test.LocalKafka() as other:
            self.assertNotEqual(other.servers, self.kafka.servers)
            other.create_topic("only-here")
            self.assertIn(b"only-here", kcat(other.servers, "-L"))
            self.assertNotIn(b"only-here", kcat(self.kafka.servers, "-L"))

    def test_listens_on_loopback_only(self):
        addresses = sockets_of(self.kafka.pid)
        self.assertEqual(len(addresses), 3, "broker, controller, metrics")
        self.assertEqual({address[-8:] for address in addresses}, {"0100007F"})

    def test_start_when_running_prints_the_same(self):
        again = self.kafka.command("start", "--port", 0)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("already running", again.stderr)
        self.assertIn(f"KAFKA_SERVERS={self.kafka.servers}\n", again.stdout)
        self.assertIn(f"KAFKA_PID={self.kafka.pid}\n", again.stdout)

    def test_start_when_running_on_another_port_is_refused(self):
        done = self.kafka.command("start", "--port", 9)
        self.assertEqual(done.returncode, 1)
        self.assertIn(self.kafka.servers.split(":")[1], done.stderr)

    def test_metrics_show_only_what_the_list_allows(self):
        names = {line.split()[0].split("{")[0] for line in get(f"http://{self.kafka.metrics}/metrics").splitlines() if line[:1] != "#"}
        allowed = re.compile(r"kafka_server_(brokertopicmetrics|replicamanager)_\w+|kafka_server_requesthandler_idle_ratio"
                             r"|kafka_network_requestmetrics_(requests_total|totaltime_ms)|kafka_process_cpu_seconds_total"
                             r"|(jvm|jmx|process)_\w+")  # the last three: the agent's own
        self.assertEqual({name for name in names if not allowed.fullmatch(name)}, set())
        for name in ("kafka_server_brokertopicmetrics_alltopics_messagesin_total", "kafka_server_requesthandler_idle_ratio",
                     "kafka_network_requestmetrics_totaltime_ms", "kafka_process_cpu_seconds_total"):
            self.assertIn(name, names)

    def test_the_broker_survives_the_interrupt_of_its_starter(self):
        self.assertEqual(os.getsid(self.kafka.pid), self.kafka.pid)
        held = [os.readlink(fd) for fd in glob.glob(f"/proc/{self.kafka.pid}/fd/[012]")]
        self.assertEqual(sorted(held), ["/dev/null"] + [f"{self.kafka.dir}/kafka.log"] * 2)

    def test_status_and_reset(self):
        self.assertEqual(self.kafka.command("status").returncode, 0)
        refused = self.kafka.command("reset")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--yes", refused.stderr)

    def test_port_in_use_names_the_port_and_its_user(self):
        with socket.create_server(("127.0.0.1", 0)) as taken, tempfile.TemporaryDirectory() as folder:
            port = taken.getsockname()[1]
            for flag, other in (("--port", "--metrics-port"), ("--metrics-port", "--port")):
                done = script("start", "--dir", folder, flag, port, other, 0)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, rf"^local-kafka: .*port {port} is in use by \S+, pid {os.getpid()};")


class LocalKafkaErrorsTest(unittest.TestCase):
    def test_ones_own_kafka_is_used(self):
        with tempfile.TemporaryDirectory() as folder:
            done = script("start", "--dir", f"{folder}/kafka", env={"KAFKA_SERVERS": "broker.example:9092"})
            self.assertEqual((done.returncode, done.stdout), (0, "KAFKA_SERVERS=broker.example:9092\n"))
            self.assertEqual(os.listdir(folder), [])

    def test_usage_errors(self):
        for args in ([], ["begin"], ["start", "--port"], ["start", "--port", "70000"], ["start", "--port", "-1"], ["start", "--bogus"],
                     ["start", "--rebalance-delay", "3s"], ["start", "--dir", "a,b"]):
            done = script(*args)
            self.assertEqual((done.returncode, done.stdout), (2, ""), args)

    def test_a_folder_that_cannot_be_written(self):
        with tempfile.NamedTemporaryFile() as file:
            done = script("start", "--dir", f"{file.name}/kafka")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, f"local-kafka: cannot create {file.name}/kafka\n")

    def test_a_full_disk_is_seen_before_the_start(self):
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        folder = small_disk(self, Path(parent.name, "small"), "4m")
        done = script("start", "--dir", folder)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^local-kafka: \S+ has [34] MiB free, 64 MiB are needed\n$")
        with contextlib.suppress(OSError), open(f"{folder}/filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        done = script("start", "--dir", folder)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^local-kafka: cannot write in .*full")

    def test_a_broker_that_dies_shows_its_log(self):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder, "data")
            data.mkdir()
            (data / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")  # of another node
            done = script("start", "--dir", folder, "--port", 0)
            self.assertEqual(done.returncode, 1)
            self.assertIn("kafka.log: ", done.stderr)
            self.assertIn("Kafka ended while starting", done.stderr)

    def test_no_java_and_an_old_java(self):
        with tempfile.TemporaryDirectory() as folder:
            done = script("start", "--dir", f"{folder}/kafka", env={"JAVA_HOME": folder})
            self.assertEqual(done.returncode, 3)
            self.assertIn("Java 17", done.stderr)
            old = Path(folder, "bin/java")
            old.parent.mkdir()
            old.write_text('#!/bin/sh\necho \'openjdk version "11.0.2" 2019-01-15\' >&2\n')
            old.chmod(0o755)
            done = script("start", "--dir", f"{folder}/kafka", env={"JAVA_HOME": folder})
            self.assertEqual(done.returncode, 3)
            self.assertIn("is 11", done.stderr)

    def test_no_mvn_and_no_jars(self):
        with tempfile.TemporaryDirectory() as folder:
            tools = Path(folder, "bin")
            tools.mkdir()
            for directory in ("/usr/bin", "/bin"):
                for tool in os.listdir(directory):
                    if tool != "mvn" and not (tools / tool).is_symlink():
                        (tools / tool).symlink_to(f"{directory}/{tool}")
            done = script("start", "--dir", f"{folder}/kafka", env={"XDG_CACHE_HOME": f"{folder}/cache", "PATH": tools})
            self.assertEqual(done.returncode, 3)
            self.assertIn("apt-get install maven", done.stderr)


if __name__ == "__main__":
    kexp_test.main()
