"""What the scripts say of their options, and the quick start before and while it builds."""

import os
import shutil
import socket
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

VALUED = {
    "check.sh": ["--jobs"],
    "fuzz.sh": ["--seconds"],
    "quickstart.sh": ["--images", "--video", "--duration", "--seed", "--consumers", "--run"],
    "bench/feed-calibrate.sh": ["--binary", "--seconds"],
    "bench/feed-lateness.sh": ["--binary", "--seconds"],
    "bench/feed-segments.sh": ["--binary", "--minutes", "--mbps", "--seed"],
}


def program(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class OptionsTest(unittest.TestCase):
    def test_an_option_without_its_value_is_named(self):
        for script, options in VALUED.items():
            for option in options:
                done = kexp_test.run([option], program=kexp_test.ROOT / "scripts" / script)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(done.stderr, rf"^{Path(script).stem}: {option} needs (a )?\w+\n$")

    def test_engine_start_tells_its_usage(self):
        done = kexp_test.run([], program=kexp_test.ROOT / "scripts/bench/engine-start.sh")
        self.assertEqual((done.returncode, done.stderr), (2, "engine-start: usage: engine-start.sh MODEL [BINARY] [RUNS]\n"))


class QuickstartBeginningTest(unittest.TestCase):
    """In a copy of the scripts, where installing and building only leave a trace."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        shutil.copytree(kexp_test.ROOT / "scripts", self.folder / "scripts")
        program(self.folder / "scripts/bootstrap.sh", f"touch {self.folder}/installed; exit 9")

    def quickstart(self, *options, **environment):
        return kexp_test.run(options, program=self.folder / "scripts/quickstart.sh", cwd=self.folder,
                             env={"XDG_STATE_HOME": self.folder / "state", **environment})

    def refuses(self, code, words, *options, **environment):
        done = self.quickstart(*options, **environment)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, f"^quickstart: {words}")
        self.assertFalse((self.folder / "installed").exists(), words)

    def test_paths_are_checked_before_anything_is_installed(self):
        (self.folder / "empty").mkdir()
        self.refuses(2, "--images: there is no folder .*/nosuch", "--images", "nosuch")
        self.refuses(2, "--images: there are no files in .*/empty", "--images", "empty")
        self.refuses(2, "--video: there is no file .*/empty", "--video", "empty")
        self.refuses(2, "--run: .*/scripts is there already", "--run", "scripts")
        self.refuses(2, "KEXP_BINARY: there is no program nosuch", KEXP_BINARY="nosuch")

    def test_ones_own_servers_are_asked_before_anything_is_installed(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # It does not listen, and nobody else gets the port.
            nobody = f"127.0.0.1:{closed.getsockname()[1]}"
            self.refuses(3, f"KAFKA_SERVERS: nothing answers on {nobody}", KAFKA_SERVERS=nobody)
            self.refuses(3, f"PROMETHEUS_URL: nothing answers on {nobody}", PROMETHEUS_URL=f"http://{nobody}/prom")
            self.refuses(2, "KAFKA_SERVERS must name HOST:PORT, got 'b:c'", KAFKA_SERVERS="b:c")
            self.refuses(2, "PROMETHEUS_URL must be like http://HOST:9090, got 'prom:9090'", PROMETHEUS_URL="prom:9090")
            with socket.create_server(("127.0.0.1", 0)) as somebody:
                answers = f"127.0.0.1:{somebody.getsockname()[1]}"
                done = self.quickstart(KAFKA_SERVERS=f"{nobody},{answers}", PROMETHEUS_URL=f"http://user:word@{answers}")
        self.assertEqual(done.returncode, 9, done.stderr)
        self.assertTrue((self.folder / "installed").exists())

    def test_the_build_tells_its_log_and_its_progress(self):
        program(self.folder / "bin/cmake", 'if [ "$1" = -S ]; then exit; fi\n'
                                           'for step in 1 2 3; do echo "[$step/9] Building"; done; echo "broken.cpp: an error" >&2; exit 1')
        done = self.quickstart("--no-install", PATH=f"{self.folder}/bin:{os.environ['PATH']}")
        self.assertEqual(done.returncode, 1, done.stderr)
        log = self.folder / "build/quickstart-build.log"
        self.assertEqual(log.read_text().count("Building"), 3)
        self.assertRegex(done.stderr, rf"quickstart: building, .*minutes.*{log}\nquickstart: building: step 1 of 9\n")
        self.assertEqual(done.stderr.count("quickstart: building: step"), 1, done.stderr)
        self.assertIn("broken.cpp: an error", done.stderr)
        self.assertIn(f"quickstart: the build failed; its log: {log}\n", done.stderr)


if __name__ == "__main__":
    kexp_test.main()
