"""The scripts that bring up Kafka and Prometheus on one machine, and bootstrap.sh."""

import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))  # to be run without ctest, too
import kexp_test  # noqa: E402

KAFKA = kexp_test.ROOT / "scripts/local-kafka.sh"
PROMETHEUS = kexp_test.ROOT / "scripts/local-prometheus.sh"
BOOTSTRAP = kexp_test.ROOT / "scripts/bootstrap.sh"


def kcat(servers, *args, stdin=None):
    kexp_test.require(shutil.which("kcat"), "no kcat")
    return subprocess.run(["kcat", "-b", servers, "-X", "message.max.bytes=16777216", *args], input=stdin, capture_output=True,
                          timeout=60, check=True).stdout


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def script(path, *args, env=None, timeout=900):
    """Runs a script of ours that is expected to end by itself."""
    return kexp_test.run(args, program=path, env=env, timeout=timeout)


def started(test_class, service):
    """Starts `service` for all tests of a class (enterClassContext needs Python 3.11)."""
    test_class.addClassCleanup(service.close)
    service.start()
    return service


def listeners():
    """Local address:port of every TCP socket that listens, as the kernel writes it."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    if os.path.exists("/proc/net/tcp6"):
        lines += Path("/proc/net/tcp6").read_text().splitlines()[1:]
    return {line.split()[1] for line in lines if line.split()[3] == "0A"}


def sockets_of(pid):
    """Addresses on which process `pid` listens."""
    inodes = set()
    for fd in glob.glob(f"/proc/{pid}/fd/*"):
        with contextlib.suppress(OSError):
            inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(fd)))
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:] if os.path.exists(table) else []:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(fields[1].split(":")[0])
    return found


@contextlib.contextmanager
def small_disk(kib):
    """A folder on a file system of `kib` KiB."""
    kexp_test.require(os.geteuid() == 0, "needs root to mount a small file system")
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", folder], capture_output=True, check=False)
        kexp_test.require(mounted.returncode == 0, "may not mount a tmpfs here")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


class LocalKafkaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = started(cls, kexp_test.LocalKafka())

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
                done = script(KAFKA, "start", "--dir", folder, flag, port, other, 0)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, rf"^local-kafka: .*port {port} is in use by \S+, pid {os.getpid()};")


class LocalKafkaRestartTest(unittest.TestCase):
    def test_a_killed_broker_comes_back_with_its_data(self):
        with kexp_test.LocalKafka() as kafka:
            servers = kafka.servers
            kafka.create_topic("kept")
            kcat(servers, "-P", "-t", "kept", stdin=b"one\ntwo\n")
            kafka.kill()
            self.assertEqual(kafka.command("status").returncode, 3)
            kafka.start()
            self.assertEqual(kafka.servers, servers)
            self.assertEqual(kcat(servers, "-C", "-t", "kept", "-e", "-q"), b"one\ntwo\n")

            # a pid file that names a stranger (us) after a crash, and one that names nobody
            for stale in (str(os.getpid()), "4194999"):
                kafka.stop()
                Path(kafka.dir, "kafka.pid").write_text(stale)
                done = kafka.command("start")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("stale", done.stderr)
                self.assertIn(f"KAFKA_SERVERS={servers}\n", done.stdout)
            self.assertEqual(kcat(servers, "-C", "-t", "kept", "-e", "-q"), b"one\ntwo\n")

            self.assertEqual(kafka.command("reset", "--yes").returncode, 0)
            self.assertNotIn(b"kept", kcat(servers, "-L"))

            kafka.stop()
            self.assertEqual(kafka.command("status").returncode, 3)
            self.assertEqual(kafka.command("stop").returncode, 0)

    def test_an_interrupted_start_leaves_nothing_running(self):
        with tempfile.TemporaryDirectory() as folder:
            with kexp_test.Process(["start", "--dir", folder, "--port", "0"], program=KAFKA) as starting:
                pid_file = Path(folder, "kafka.pid")
                kexp_test.wait_until(lambda: pid_file.exists() and pid_file.read_text().strip(), 60, "the broker's process")
                pid = int(pid_file.read_text())
                starting.signal(signal.SIGTERM)
                starting.wait(30)
            kexp_test.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the broker to end")


class LocalKafkaErrorsTest(unittest.TestCase):
    def test_ones_own_kafka_is_used(self):
        with tempfile.TemporaryDirectory() as folder:
            done = script(KAFKA, "start", "--dir", f"{folder}/kafka", env={"KAFKA_SERVERS": "broker.example:9092"})
            self.assertEqual((done.returncode, done.stdout), (0, "KAFKA_SERVERS=broker.example:9092\n"))
            self.assertEqual(os.listdir(folder), [])

    def test_usage_errors(self):
        for args in ([], ["begin"], ["start", "--port"], ["start", "--port", "70000"], ["start", "--port", "-1"], ["start", "--bogus"],
                     ["start", "--rebalance-delay", "3s"], ["start", "--dir", "a,b"]):
            done = script(KAFKA, *args)
            self.assertEqual((done.returncode, done.stdout), (2, ""), args)

    def test_a_folder_that_cannot_be_written(self):
        with tempfile.NamedTemporaryFile() as file:
            done = script(KAFKA, "start", "--dir", f"{file.name}/kafka")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, f"local-kafka: cannot create {file.name}/kafka\n")

    def test_a_full_disk_is_seen_before_the_start(self):
        with small_disk(kib=4096) as folder:
            done = script(KAFKA, "start", "--dir", folder)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"^local-kafka: \S+ has [34] MiB free, 64 MiB are needed\n$")
            with contextlib.suppress(OSError), open(f"{folder}/filler", "wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(4096))
            done = script(KAFKA, "start", "--dir", folder)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "^local-kafka: cannot write in .*full")

    def test_a_broker_that_dies_shows_its_log(self):
        with kexp_test.LocalKafka() as kafka:
            kafka.stop()
            Path(kafka.dir, "data/meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")
            done = kafka.command("start")
            self.assertEqual(done.returncode, 1)
            self.assertIn("kafka.log: ", done.stderr)
            self.assertIn("Kafka ended while starting", done.stderr)

    def test_no_java_and_an_old_java(self):
        with tempfile.TemporaryDirectory() as folder:
            done = script(KAFKA, "start", "--dir", f"{folder}/kafka", env={"JAVA_HOME": folder})
            self.assertEqual(done.returncode, 3)
            self.assertIn("Java 17", done.stderr)
            old = Path(folder, "bin/java")
            old.parent.mkdir()
            old.write_text('#!/bin/sh\necho \'openjdk version "11.0.2" 2019-01-15\' >&2\n')
            old.chmod(0o755)
            done = script(KAFKA, "start", "--dir", f"{folder}/kafka", env={"JAVA_HOME": folder})
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
            done = script(KAFKA, "start", "--dir", f"{folder}/kafka", env={"XDG_CACHE_HOME": f"{folder}/cache", "PATH": tools})
            self.assertEqual(done.returncode, 3)
            self.assertIn("apt-get install maven", done.stderr)


class LocalPrometheusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = started(cls, kexp_test.LocalKafka())
        cls.prometheus = started(cls, kexp_test.LocalPrometheus(cls.kafka))

    def up(self, job):
        return [sample["value"][1] for sample in self.prometheus.query(f'up{{job="{job}"}}')]

    def test_scrapes_kafka_the_machine_and_itself(self):
        for job in ("kafka", "node", "prometheus"):
            kexp_test.wait_until(lambda job=job: self.up(job) == ["1"], 30, f"up{{job={job}}} to be 1")
        self.assertTrue(self.prometheus.query("kafka_process_cpu_seconds_total"))
        self.assertTrue(self.prometheus.query("node_cpu_seconds_total"))

    def test_scrapes_what_leaves_a_target_file(self):
        class Metrics(BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"kexp_test_answer 42\n"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Metrics)
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            targets = [{"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"role": "test"}}]
            new = Path(self.prometheus.sd_dir, "new")
            new.write_text(json.dumps(targets))
            new.rename(Path(self.prometheus.sd_dir, "1234.json"))
            samples = kexp_test.wait_until(lambda: self.prometheus.query("kexp_test_answer"), 30, "the sample")
            self.assertEqual(samples[0]["value"][1], "42")
            self.assertEqual((samples[0]["metric"]["job"], samples[0]["metric"]["role"]), ("kexp", "test"))
            Path(self.prometheus.sd_dir, "1234.json").unlink()
            kexp_test.wait_until(lambda: not self.up("kexp"), 30, "the target to go")
        finally:
            server.shutdown()
            server.server_close()

    def test_listens_on_loopback_only_and_without_admin_api(self):
        for service in ("prometheus", "node-exporter"):
            self.assertEqual(sockets_of(Path(self.prometheus.dir, f"{service}.pid").read_text().strip()), ["0100007F"], service)
        request = urllib.request.Request(f"{self.prometheus.url}/api/v1/admin/tsdb/clean_tombstones", method="POST")
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=10)

    def test_start_when_running_applies_a_change(self):
        with kexp_test.LocalPrometheus() as prometheus:
            done = prometheus.command("start", "--scrape-interval", 1, "--kafka-metrics", self.kafka.metrics)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"PROMETHEUS_URL={prometheus.url}\n", done.stdout)
            kexp_test.wait_until(
                lambda: prometheus.query(f'up{{job="kafka",instance="{self.kafka.metrics}"}} == 1'), 30, "Kafka to be scraped")
            node_exporter = int(Path(prometheus.dir, "node-exporter.pid").read_text())
            os.kill(node_exporter, signal.SIGKILL)
            kexp_test.wait_until(lambda: prometheus.command("status").returncode == 3, 10, "status to see it")
            prometheus.start()
            self.assertEqual(prometheus.command("status").returncode, 0)

    def test_ones_own_prometheus_is_used(self):
        with tempfile.TemporaryDirectory() as folder:
            done = script(PROMETHEUS, "start", "--dir", f"{folder}/p", env={"PROMETHEUS_URL": "http://prom.example:9090"})
            self.assertEqual((done.returncode, done.stdout), (0, "PROMETHEUS_URL=http://prom.example:9090\n"))
            self.assertEqual(os.listdir(folder), [])

    def test_errors(self):
        for args in ([], ["begin"], ["start", "--scrape-interval", "0"], ["start", "--kafka-metrics", "nonsense"], ["start", "--port", "x"]):
            self.assertEqual(script(PROMETHEUS, *args).returncode, 2, args)
        with socket.create_server(("127.0.0.1", 0)) as taken, tempfile.TemporaryDirectory() as folder:
            port = taken.getsockname()[1]
            done = script(PROMETHEUS, "start", "--dir", folder, "--port", port, "--node-exporter-port", 0)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"^local-prometheus: Prometheus port {port} is in use by \S+, pid {os.getpid()};")
        with small_disk(kib=4096) as folder:
            done = script(PROMETHEUS, "start", "--dir", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("64 MiB are needed", done.stderr)


class FetchTest(unittest.TestCase):
    def test_two_at_once_fetch_once_and_both_get_it(self):
        with tempfile.TemporaryDirectory() as folder:
            # a pom and an mvn that take their time and bring one file
            for name in ("common.sh", "fetch.sh"):
                shutil.copy(kexp_test.ROOT / "scripts/lib" / name, folder)
            Path(folder, "kafka").mkdir()
            Path(folder, "kafka/jars.sha256").write_text(
                "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603  a.jar\n")  # of "ab"
            mvn = Path(folder, "bin/mvn")
            mvn.parent.mkdir()
            mvn.write_text(f'#!/bin/sh\necho run >>{folder}/runs\nfor a; do case $a in -DoutputDirectory=*) out=${{a#*=}};; esac; done\n'
                           'mkdir -p "$out"; sleep 0.5; printf ab >"$out/a.jar"\n')
            mvn.chmod(0o755)
            env = {"XDG_CACHE_HOME": f"{folder}/cache", "PATH": f"{folder}/bin:{os.environ['PATH']}"}
            with kexp_test.Process(["kafka"], program=f"{folder}/fetch.sh", env=env) as one, \
                    kexp_test.Process(["kafka"], program=f"{folder}/fetch.sh", env=env) as two:
                self.assertEqual((one.wait(), two.wait()), (0, 0), one.output() + two.output())
                self.assertEqual(one.stdout, two.stdout)
                self.assertEqual(os.listdir(f"{one.stdout.strip()}/libs"), ["a.jar"])
            self.assertEqual(Path(folder, "runs").read_text(), "run\n")

            # a jar that is not the one we know is not used, and leaves nothing behind
            shutil.rmtree(f"{folder}/cache")
            mvn.write_text(mvn.read_text().replace("printf ab", "printf other"))
            done = script(f"{folder}/fetch.sh", "kafka", env=env)
            self.assertEqual(done.returncode, 1)
            self.assertIn("differs from", done.stderr)
            self.assertEqual([name for name in os.listdir(f"{folder}/cache/kexp") if not name.endswith(".lock")], [])


class TestSupportTest(unittest.TestCase):
    """kexp_test itself, where it would otherwise fail silently."""

    def program(self, body):
        """A test program in a folder of its own, as a Process."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        Path(folder, "some_test.py").write_text(
            f"import sys, time, unittest\nsys.path.insert(0, {str(kexp_test.ROOT / 'tests/support')!r})\nimport kexp_test\n"
            f"class SomeTest(unittest.TestCase):\n{body}\nkexp_test.main()\n")
        process = kexp_test.Process([f"{folder}/some_test.py"], program=sys.executable)
        self.addCleanup(process.close)
        return process

    def test_exit_codes(self):
        for body, code in (("    def test_a(self): self.skipTest('why')", 77), ("    def test_a(self): self.fail()", 1),
                           ("    def test_a(self): pass\n    def test_b(self): self.skipTest('why')", 0),
                           ("    @classmethod\n    def setUpClass(cls): kexp_test.require(None, 'why')\n    def test_a(self): pass", 77)):
            process = self.program(body)
            self.assertEqual(process.wait(), code, process.output())

    def test_a_killed_test_leaves_no_broker_and_no_process(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            process = self.program(
                "    def test_a(self):\n"
                "        with kexp_test.LocalKafka() as kafka:\n"
                "            child = kexp_test.Process(['1000'], program='sleep')\n"
                "            print('up', kafka.pid, child.pid, kafka.dir, flush=True)\n"
                "            time.sleep(1000)")
            broker, child, folder = process.wait_for_line(r"^up (\d+) (\d+) (\S+)$", timeout=120).groups()
            process.signal(number)
            process.wait(60)
            for pid in (broker, child):
                kexp_test.wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), 30, f"process {pid} to end")
            kexp_test.wait_until(lambda: not os.path.exists(folder), 30, "the broker's folder to go")

    def test_a_process_that_does_not_say_it_fails_with_what_it_said(self):
        with kexp_test.Process(["-c", "echo one; echo two >&2; exec sleep 1000"], program="sh") as process:
            self.assertEqual(process.wait_for_line("^t(.*)$").group(1), "wo")
            with self.assertRaisesRegex(AssertionError, "(?s)three.*within 0.2 s.*one.*two"):
                process.wait_for_line("three", timeout=0.2)
            with self.assertRaisesRegex(AssertionError, "did not end"):
                process.wait(0.1)
            self.assertEqual(process.kill(), -signal.SIGKILL)
            with self.assertRaisesRegex(AssertionError, "ended without"):
                process.wait_for_line("three")

    def test_a_developers_settings_do_not_reach_the_program(self):
        settings = {"KAFKA_SERVERS": "elsewhere:1", "KEXP_SD_DIR": "/nowhere", "POD_IP": "1.2.3.4"}
        saved = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(saved)))
        os.environ.update(settings)
        done = kexp_test.run([], program="env", env={"YOLO_MODEL": "kept"})
        self.assertIn("YOLO_MODEL=kept\n", done.stdout)
        for name in settings:
            self.assertNotIn(f"{name}=", done.stdout)


class BootstrapTest(unittest.TestCase):
    def test_lists_its_packages(self):
        done = script(BOOTSTRAP, "--tests", "--dev", "--print")
        self.assertEqual(done.returncode, 0)
        packages = done.stdout.split()
        self.assertEqual(packages, sorted(set(packages)))
        self.assertLess({"g++", "librdkafka-dev", "libgtest-dev", "clang-tidy-14"}, set(packages))
        self.assertNotIn("prometheus", packages)

    def test_an_unknown_option_is_a_usage_error(self):
        self.assertEqual(script(BOOTSTRAP, "--test").returncode, 2)

    def test_leaves_nothing_enabled_running_or_listening(self):
        packages = script(BOOTSTRAP, "--minimal", "--print").stdout.split()
        kexp_test.require(subprocess.run(["dpkg-query", "-W", *packages], capture_output=True, check=False).returncode == 0,
                          "the packages are not all installed, and a test installs nothing")

        def enabled():
            return sorted(glob.glob("/etc/systemd/system/*.wants/*") + glob.glob("/etc/rc?.d/*"))

        before, listening = enabled(), listeners()
        started = time.monotonic()
        done = script(BOOTSTRAP, "--minimal")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "bootstrap: ready\n", f"something was to do, {time.monotonic() - started:.1f} s")
        self.assertEqual(enabled(), before)
        # other programs of this machine come and go; Debian's prometheus and node exporter would listen on every address
        self.assertEqual({end for end in listeners() - listening if end.startswith("0000") and end.endswith((":2382", ":238C"))}, set())

        for package in packages:
            files = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True, check=False).stdout.split()
            services = [file for file in files if re.match(r"(/usr)?/lib/systemd/system/|/etc/init\.d/.", file)]
            self.assertEqual(services, [], package)


if __name__ == "__main__":
    kexp_test.main()
