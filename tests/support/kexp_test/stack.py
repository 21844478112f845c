"""A Kafka and a Prometheus of the test's own, by scripts/local-*.sh: temporary folder, free ports."""

import json
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import time
import urllib.parse
import urllib.request

from .data import require
from .processes import ROOT, run
from .service import Service
from .wait import wait_until


class _LocalService(Service):
    """Runs `scripts/<script> start`."""

    script = ""

    def __init__(self, *options, environment=None):
        super().__init__("kexp-test-", environment)
        self.options = [str(option) for option in options]
        self.settings = {}

    def _words(self, verb):
        return [str(ROOT / "scripts" / self.script), verb, "--dir", self.dir]

    def start(self):
        """Starts it, or starts it again on the same port with the same data; what the script said."""
        done = self.command("start", *self.options)
        # 3: Java or a download is not to be had here
        require(done.returncode != 3, f"{self.script}: {done.stderr.strip()}")
        assert done.returncode == 0, f"{self.script} start: exit {done.returncode}\n{done.stderr}"
        self.settings = dict(word.split("=", 1) for word in shlex.split(done.stdout))
        return done.stderr

    def stop(self):
        done = self.command("stop")
        assert done.returncode == 0, done.stderr


# Without the second compiler a broker starts in half the time and CPU, and a test's broker never runs long enough to miss it.
QUICK_JAVA = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}


class LocalKafka(_LocalService):
    """A broker: `with LocalKafka() as kafka: kafka.servers`.

    `environment`: more variables of its processes; `properties`: a file of more settings, as local-kafka.sh takes it.
    """

    script = "local-kafka.sh"

    def __init__(self, rebalance_delay=0, environment=None, properties=None):
        more = ("--properties", properties) if properties else ()
        super().__init__("--port", 0, "--metrics-port", 0, "--rebalance-delay", rebalance_delay, *more,
                         environment={**QUICK_JAVA, **(environment or {})})

    @property
    def servers(self):
        return self.settings["KAFKA_SERVERS"]

    @property
    def metrics(self):
        """HOST:PORT of its metrics; path /metrics."""
        return self.settings["KAFKA_METRICS"]

    @property
    def pid(self):
        return int(self.settings["KAFKA_PID"])

    def kill(self):
        """kill -9."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not _alive(pid), 60, f"broker {pid} to die")

    def close(self):
        # Its data goes with it, so an orderly end, which takes seconds, is for nobody.
        if self.settings and _is_service(self.pid, "kafka", self.dir):
            self.kill()
        super().close()

    def restart(self):
        """The broker again, on the same port with the same data; stops it first when it runs."""
        self.stop()
        self.start()

    def create_topic(self, name, partitions=1, configs=None):
        create_topic(self.servers, name, partitions, configs)

    def records(self, topic, layout):
        """A line for each record of a topic, laid out as kcat's -f says, split at its tabs."""
        require(shutil.which("kcat"), "no kcat")
        done = run(["-b", self.servers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", layout + "\n"], program="kcat")
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]


class LocalPrometheus(_LocalService):
    """A Prometheus with its node exporter, and with the metrics of `kafka` where one is given."""

    script = "local-prometheus.sh"

    def __init__(self, kafka=None, scrape_interval=1):
        target = ("--kafka-metrics", kafka.metrics) if kafka else ()
        super().__init__("--port", 0, "--node-exporter-port", 0, "--scrape-interval", scrape_interval, *target)

    @property
    def url(self):
        return self.settings["PROMETHEUS_URL"]

    @property
    def sd_dir(self):
        return self.settings["KEXP_SD_DIR"]

    def query(self, expression):
        """The result of an instant query: a list of {"metric": labels, "value": [time, text]}."""
        url = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]["result"]

    def targets(self):
        with urllib.request.urlopen(f"{self.url}/api/v1/targets?state=active", timeout=30) as answer:
            return json.load(answer)["data"]["activeTargets"]


# Also the answer while the only broker is fenced: a broker that was stopped, or starved of CPU, is so for a moment.
_INVALID_REPLICATION_FACTOR = 38


def create_topic(servers, name, partitions=1, configs=None):
    """Creates a topic by one CreateTopics request (v2), so that tests of other things need no `kexp topics`."""
    entries = (configs or {}).items()
    body = struct.pack(">i", 1) + _string(name) + struct.pack(">ihii", partitions, 1, 0, len(entries))
    for key, value in entries:
        body += _string(key) + _string(str(value))
    body += struct.pack(">i?", 30000, False)  # timeout in ms, no dry run
    deadline = time.monotonic() + 60
    while True:
        answer = _ask(servers, 19, 2, body)
        # throttle time, number of topics, name, error code
        code, = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name.encode()))
        if code != _INVALID_REPLICATION_FACTOR or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert code == 0, f"CreateTopics {name}: Kafka's error {code}"
    _wait_for_leaders(servers, name, partitions)


def add_partitions(servers, name, partitions):
    """Gives a topic more partitions, `partitions` in all (CreatePartitions v1)."""
    body = struct.pack(">i", 1) + _string(name) + struct.pack(">ii", partitions, -1)  # -1: the broker assigns them
    body += struct.pack(">i?", 30000, False)
    answer = _ask(servers, 37, 1, body)
    code, = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name.encode()))
    assert code == 0, f"CreatePartitions {name}: Kafka's error {code}"
    _wait_for_leaders(servers, name, partitions)


def delete_topic(servers, name):
    """Deletes a topic and waits until no broker knows it (DeleteTopics v1)."""
    answer = _ask(servers, 20, 1, struct.pack(">i", 1) + _string(name) + struct.pack(">i", 30000))
    code, = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name.encode()))
    assert code == 0, f"DeleteTopics {name}: Kafka's error {code}"
    _wait_for_leaders(servers, name, 0)


def alter_topic(servers, name, configs):
    """Sets some of a topic's settings; None takes one back to its default (IncrementalAlterConfigs v0)."""
    topic, set_it, take_back = 2, 0, 1
    body = struct.pack(">ib", 1, topic) + _string(name) + struct.pack(">i", len(configs))
    for key, value in configs.items():
        body += _string(key) + struct.pack(">b", take_back if value is None else set_it) + _string("" if value is None else str(value))
    answer = _ask(servers, 44, 0, body + struct.pack(">?", False))
    code, = struct.unpack_from(">h", answer, 4 + 4)  # throttle time, number of resources
    assert code == 0, f"IncrementalAlterConfigs {name}: Kafka's error {code}"


def _ask(servers, key, version, body):
    """One request of Kafka's protocol to the controller; the answer behind its correlation id."""
    request = struct.pack(">hhi", key, version, 1) + _string("kexp-test") + body
    host, port = servers.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection, connection.makefile("rb") as answers:
        connection.sendall(struct.pack(">i", len(request)) + request)
        return answers.read(struct.unpack(">i", answers.read(4))[0])[4:]


def _wait_for_leaders(servers, name, partitions):
    wait_until(lambda: _leaders(servers, name) == partitions, 60, f"the metadata to show {partitions} partitions of {name}")


def _leaders(servers, name):
    """Partitions of a topic that have a leader, by kcat."""
    done = subprocess.run(["kcat", "-b", servers, "-L", "-J", "-t", name], capture_output=True, text=True, timeout=60, check=True)
    topics = json.loads(done.stdout)["topics"]
    return sum(partition["leader"] >= 0 for topic in topics for partition in topic["partitions"])


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_service(pid, name, folder):
    """Whether a process is that service, and not a stranger who was given its number."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return f"KEXP_SERVICE={name} {folder}".encode() in environment.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _string(text):
    return struct.pack(">h", len(text.encode())) + text.encode()
