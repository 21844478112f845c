"""Where the output goes: a full disk under stdout, a reader that has gone, and `--progress json`."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test


def run_into(stdout, args):
    """Runs `kexp ARGS` with `stdout`, a descriptor: (exit code, stderr)."""
    done = subprocess.run([kexp_test.kexp_binary(), *args], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                          env=kexp_test.clean_environment(), text=True, timeout=60, check=False)
    return done.returncode, done.stderr


class StdoutTest(unittest.TestCase):
    # A full disk gave exit 0 and half a result.
    def test_a_full_disk_is_named_and_makes_success_a_failure(self):
        for args in (["--version"], ["--help"], ["model", "list", "--json"]):
            with self.subTest(args), open("/dev/full", "w") as full:
                code, stderr = run_into(full, args)
                self.assertEqual(stderr, "kexp: cannot write stdout: No space left on device\n")
                self.assertEqual(code, 1)

    def test_a_full_disk_does_not_rename_another_failure(self):
        with open("/dev/full", "w") as full:
            code, stderr = run_into(full, ["feed", "--max-mbps", "-3"])
        self.assertEqual(code, 2)
        self.assertNotIn("stdout", stderr)

    def test_a_reader_that_has_gone_is_no_failure(self):
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)
        self.assertEqual(run_into(writing, ["model", "list"]), (0, ""))

    def test_a_terminal_that_has_gone_is_no_failure(self):
        master, terminal = os.openpty()
        os.close(master)
        self.addCleanup(os.close, terminal)
        self.assertEqual(run_into(terminal, ["model", "list"]), (0, ""))


class JsonProgressTest(unittest.TestCase):
    # Whoever read the events met a line of text.
    def test_why_a_command_failed_is_an_event_as_well(self):
        done = kexp_test.run(["--progress", "json", "dataset", "info", "nowhere.hdf5"])
        self.assertEqual(done.returncode, 2)
        error, = map(json.loads, done.stderr.splitlines())
        self.assertEqual((error["part"], error["event"], error["exit_code"]), ("kexp", "error", 2))
        self.assertIn("nowhere.hdf5", error["text"])

    def test_what_is_wrong_with_the_command_line_is_text(self):
        done = kexp_test.run(["--progress", "json", "dataset", "inf"])
        self.assertEqual(done.returncode, 2)
        self.assertTrue(done.stderr.startswith("kexp: unknown command"), done.stderr)


if __name__ == "__main__":
    kexp_test.main()
