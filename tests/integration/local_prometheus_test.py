"""scripts/local-prometheus.sh: what it scrapes, what it follows, and what it refuses."""

import json
import os
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))  # to be run without ctest, too
import kexp_test  # noqa: E402
from kexp_test.bad_world import small_disk  # noqa: E402
from kexp_test.http_server import Answer, HttpServer  # noqa: E402
from kexp_test.sockets import sockets_of  # noqa: E402

PROMETHEUS = kexp_test.ROOT / "scripts/local-prometheus.sh"


def script(*args, env=None):
    """Runs local-prometheus.sh, which is expected to end by itself."""
    return kexp_test.run(args, program=PROMETHEUS, env=env, timeout=900)


class LocalPrometheusTest(kexp_test.BrokerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prometheus = cls.started(kexp_test.LocalPrometheus(cls.kafka))

    def up(self, job):
        return [sample["value"][1] for sample in self.prometheus.query(f'up{{job="{job}"}}')]

    def test_scrapes_kafka_the_machine_and_itself(self):
        for job in ("kafka", "node", "prometheus"):
            kexp_test.wait_until(lambda job=job: self.up(job) == ["1"], 60, f"up{{job={job}}} to be 1")
        self.assertTrue(self.prometheus.query("kafka_process_cpu_seconds_total"))
        self.assertTrue(self.prometheus.query("node_cpu_seconds_total"))

    def test_scrapes_what_leaves_a_target_file(self):
        server = HttpServer(lambda _: Answer(b"kexp_test_answer 42\n"))
        self.addCleanup(server.close)
        targets = [{"targets": [server.target], "labels": {"role": "test"}}]
        new = Path(self.prometheus.sd_dir, "new")
        new.write_text(json.dumps(targets))
        new.rename(Path(self.prometheus.sd_dir, "1234.json"))
        samples = kexp_test.wait_until(lambda: self.prometheus.query("kexp_test_answer"), 60, "the sample")
        self.assertEqual(samples[0]["value"][1], "42")
        self.assertEqual((samples[0]["metric"]["job"], samples[0]["metric"]["role"]), ("kexp", "test"))
        Path(self.prometheus.sd_dir, "1234.json").unlink()
        kexp_test.wait_until(lambda: not self.up("kexp"), 60, "the target to go")

    def test_listens_on_loopback_only_and_without_admin_api(self):
        for service in ("prometheus", "node-exporter"):
            self.assertEqual(sockets_of(Path(self.prometheus.dir, f"{service}.pid").read_text().strip()), ["0100007F"], service)
        request = urllib.request.Request(f"{self.prometheus.url}/api/v1/admin/tsdb/clean_tombstones", method="POST")
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=30)

    def test_start_when_running_applies_a_change(self):
        with kexp_test.LocalPrometheus() as prometheus:
            done = prometheus.command("start", "--scrape-interval", 1, "--kafka-metrics", self.kafka.metrics)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"PROMETHEUS_URL={prometheus.url}\n", done.stdout)
            kexp_test.wait_until(
                lambda: prometheus.query(f'up{{job="kafka",instance="{self.kafka.metrics}"}} == 1'), 60, "Kafka to be scraped")
            node_exporter = int(Path(prometheus.dir, "node-exporter.pid").read_text())
            os.kill(node_exporter, signal.SIGKILL)
            kexp_test.wait_until(lambda: prometheus.command("status").returncode == 3, 60, "status to see it")
            prometheus.start()
            self.assertEqual(prometheus.command("status").returncode, 0)

    def test_ones_own_prometheus_is_used(self):
        with tempfile.TemporaryDirectory() as folder:
            done = script("start", "--dir", f"{folder}/p", env={"PROMETHEUS_URL": "http://prom.example:9090"})
            self.assertEqual((done.returncode, done.stdout), (0, "PROMETHEUS_URL=http://prom.example:9090\n"))
            self.assertEqual(os.listdir(folder), [])

    def test_errors(self):
        for args in ([], ["begin"], ["start", "--scrape-interval", "0"], ["start", "--kafka-metrics", "nonsense"], ["start", "--port", "x"]):
            self.assertEqual(script(*args).returncode, 2, args)
        with socket.create_server(("127.0.0.1", 0)) as taken, tempfile.TemporaryDirectory() as folder:
            port = taken.getsockname()[1]
            done = script("start", "--dir", folder, "--port", port, "--node-exporter-port", 0)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"^local-prometheus: Prometheus port {port} is in use by \S+, pid {os.getpid()};")
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        done = script("start", "--dir", small_disk(self, Path(parent.name, "small"), "4m"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("64 MiB are needed", done.stderr)


if __name__ == "__main__":
    kexp_test.main()
