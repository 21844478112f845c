"""`kexp extract` that is killed or interrupted goes on where it was, and ends with the same bytes as one that nobody disturbed."""

import contextlib
import json
import os
import random
import re
import signal
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.history_case import HistoryCase
from kexp_test.http_server import Answer, HttpServer


class Gate:
    """Before a Prometheus, lets every request through but remote reads of one metric, which wait until it is opened."""

    def __init__(self, url, metric):
        self.asked, self.opened = threading.Event(), threading.Event()
        self._upstream, self._metric = url, metric.encode()
        self._server = HttpServer(self._answer)
        self.url = self._server.url

    def _answer(self, request):
        if request.path == "/api/v1/read" and self._metric in request.body:
            self.asked.set()
            self.opened.wait(60)
        headers = {name: value for name, value in request.headers.items() if name.startswith(("Content-", "X-"))}
        passed_on = urllib.request.Request(self._upstream + request.path, request.body or None, headers, method=request.command)
        with urllib.request.urlopen(passed_on, timeout=60) as answer:
            return Answer(answer.read(), answer.status, answer.headers["Content-Type"])

    def close(self):
        self.opened.set()
        self._server.close()


class ExtractResumeTest(HistoryCase):
    METRICS, SERIES, SAMPLES = 60, 10, 200
    length = SAMPLES
    KILLS = 10

    @classmethod
    def write(cls, lines):
        rng = random.Random(3)
        for metric in range(cls.METRICS):
            lines.write(f"# TYPE m{metric:02} gauge\n")
            for series in range(cls.SERIES):
                for t in range(cls.start, cls.end):
                    lines.write(f'm{metric:02}{{job="test",pod="{series}"}} {rng.gauss(50, 10)!r} {t}\n')

    def command(self, out, *more, url=None):
        return ["extract", "--prometheus", url or self.prometheus.url, "--start", self.start, "--end", self.end, "--match", '{job="test"}',
                "--connections", 1, "--out", self.folder / out, *more]

    def files(self, out):
        """Bytes of all; a target's health is of the moment, and taken out of metadata.json."""
        folder = self.folder / out
        files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if not file.is_dir()}
        files["metadata.json"] = re.sub(rb'"health": "\w+"', b"", files["metadata.json"])
        return files

    def kill_at_random_moments(self, form):
        begin = time.monotonic()
        done = kexp_test.run(self.command("undisturbed", "--format", form))
        length = time.monotonic() - begin
        self.assertEqual(done.returncode, 0, done.stderr)
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", file=sys.stderr)
        rng = random.Random(seed)
        kills = resumed = 0
        while kills < self.KILLS or not resumed:
            self.assertLess(kills, 5 * self.KILLS, "every kill came before the first metric: the test says nothing")
            out = f"{form}-{kills}"
            kills += 1
            with kexp_test.Process(self.command(out, "--format", form)) as extract:
                with contextlib.suppress(AssertionError):  # It is still at work.
                    extract.wait(rng.uniform(0, length))
                extract.kill()
            if not (self.folder / out).exists() or (self.folder / out / ".unfinished").exists():
                done = kexp_test.run(self.command(out, "--format", form))
                self.assertEqual(done.returncode, 0, done.stderr)
                resumed += "resumed" in done.stderr
                length *= 1 if resumed else 1.3  # This machine is busier than it was.
            self.assertEqual(self.files(out), self.files("undisturbed"), f"after a kill, seed {seed}")
            self.assertFalse((self.folder / f".{out}.partial").exists())

    def test_kill_9_at_random_moments_and_csv(self):
        self.kill_at_random_moments("csv")

    def test_kill_9_at_random_moments_and_parquet(self):
        module = re.search("Parquet module (.*)", kexp_test.run(["--version"]).stdout)[1]
        kexp_test.require(Path(module).exists(), "this build has no kexp_arrow.so")
        self.kill_at_random_moments("parquet")

    def interrupted(self, gate):
        """Ctrl-C while the third metric is read; what the program said."""
        with kexp_test.Process(self.command("out", url=gate.url)) as extract:
            self.assertTrue(gate.asked.wait(30), extract.output())
            extract.signal(signal.SIGINT)
            self.assertEqual(extract.wait(30), 130, extract.output())
            return extract.stderr

    def gate(self):
        gate = Gate(self.prometheus.url, "m02")
        self.addCleanup(gate.close)
        return gate

    def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(self):
        gate = self.gate()
        said = self.interrupted(gate)
        self.assertRegex(said, rf"2 of {self.METRICS} metrics are kept in .*/\.out\.partial: the same command with --start .*Z --end .*Z goes on")
        self.assertFalse((self.folder / "out").exists())
        gate.opened.set()
        done = kexp_test.run(self.command("out", url=gate.url))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("resumed metrics_done=2", done.stderr)
        self.assertEqual(os.listdir(self.folder), ["out"])

    def test_another_window_starts_anew(self):
        gate = self.gate()
        self.interrupted(gate)
        gate.opened.set()
        done = kexp_test.run([*self.command("out", url=gate.url), "--json", "--match", "m01"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("read anew", done.stderr)
        self.assertEqual(json.loads(done.stdout)["samples"], self.METRICS * self.SERIES * self.SAMPLES)


if __name__ == "__main__":
    kexp_test.main()
