"""scripts/quickstart.sh, shortened: the whole main job on real parts, with nothing lost and nothing left."""

import csv
import json
import os
import re
import signal
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.stack import QUICK_JAVA


def rows(folder):
    found = []
    for file in sorted(folder.glob("*.csv")):
        with open(file, newline="") as lines:
            found += csv.DictReader(lines)
    return found


def users_of(folder):
    """Processes whose command line or environment names the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if int(process.name) != os.getpid() and str(folder).encode() in text:
            found.append(process.name)
    return found


def check_counts(test, run_folder, code, output):
    """Every planned image came through once; returns the counts of run.json."""
    kexp_test.require(code != 3, f"something cannot be had here: {output}")
    test.assertIn(code, (0, 5), output)
    run = json.loads((run_folder / "run.json").read_text())
    counts = run["counts"]
    test.assertGreater(counts["planned"], 0, output)  # As many as this machine can serve now.
    for name in ["sent", "acknowledged", "processed"]:
        test.assertEqual(counts[name], counts["planned"], f"{name}: {output}")
    for name in ["missing", "duplicates", "failed", "unknown", "dropped", "unexpected", "foreign", "errors"]:
        test.assertEqual(counts[name], 0, f"{name}: {output}")
    if code == 5:  # May come of this machine's pacing alone.
        test.assertTrue(all("late" in reason or "segment" in reason for reason in run["verdict"]["reasons"]), run["verdict"])
    return counts


class QuickstartTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.run_folder = self.folder / "run"

    def start(self, *options, folder=None):
        """One whose files are all in `folder`, which is made."""
        folder = folder or self.folder
        folder.mkdir(exist_ok=True)
        environment = {"XDG_STATE_HOME": folder / "state", "KEXP_BINARY": kexp_test.kexp_binary(), **QUICK_JAVA}
        quickstart = kexp_test.Process(["--no-install", "--run", folder / "run", *options], env=environment, cwd=folder,
                                       program=kexp_test.ROOT / "scripts/quickstart.sh")
        self.addCleanup(quickstart.close)
        return quickstart

    def test_images_flow_from_the_curve_to_the_dataset(self):
        quickstart = self.start("--duration", "12", "--seed", "7")
        code = quickstart.wait(300)
        output = quickstart.output()
        counts = check_counts(self, self.run_folder, code, output)

        results = rows(self.run_folder / "results")
        self.assertEqual({int(row["id"]) for row in results}, set(range(counts["planned"])))
        self.assertEqual({row["model"] for row in results}, {"yolov3-tiny"})
        self.assertEqual({row["pod"] for row in results}, {"consumer-1", "consumer-2"})
        detections = rows(self.run_folder / "detections")
        self.assertEqual(sum(int(row["n_detections"]) for row in results), len(detections))
        self.assertIn("person", {row["label"] for row in detections})

        with open(self.run_folder / "metrics/series.csv", newline="") as series:
            names = {row["metric"] for row in csv.DictReader(series)}
        self.assertIn("kexp_records_acknowledged_total", names)
        self.assertTrue(any(name.startswith("kafka_") for name in names), names)
        self.assertTrue(any(name.startswith("node_") for name in names), names)

        self.assertRegex(output, r"(?m)^processed +%d$" % counts["planned"])
        self.assertEqual(len(list((self.run_folder / "annotated").glob("*.png"))), 1)
        self.assertEqual(users_of(self.folder), [], "something was left running")

    def test_ctrl_c_stops_everything_it_started(self):
        later, sooner = self.folder / "later", self.folder / "sooner"
        at_work = self.start("--duration", "60", folder=later)
        at_work.wait_for_line("Prometheus runs on", timeout=240)  # The next one sees which ports are taken.
        self.interrupt(self.start("--duration", "60", folder=sooner), "quickstart: (waiting for|measuring)", sooner,
                       lambda pid: os.killpg(pid, signal.SIGINT))  # As a terminal does.
        # The script alone was heard only when the feed had come to its end.
        self.interrupt(at_work, "feed: started", later, lambda pid: os.kill(pid, signal.SIGTERM))
        self.assertEqual(json.loads((later / "run/run.json").read_text())["verdict"]["state"], "PARTIAL")

    def interrupt(self, quickstart, moment, folder, signal_to):
        quickstart.wait_for_line(moment, timeout=240)
        signal_to(quickstart.pid)
        quickstart.wait_for_line("quickstart: stopping Kafka", timeout=30)
        for impatient in (signal.SIGINT, signal.SIGTERM):
            os.killpg(quickstart.pid, impatient)
        self.assertEqual(quickstart.wait(120), 130, quickstart.output())
        self.assertEqual(users_of(folder), [], "something was left running")

    def test_flags_are_checked_before_anything_starts(self):
        for options, words in [(["--duration", "soon"], "--duration"), (["--consumers", "0"], "--consumers"),
                               (["--images", "/", "--video", "/x"], "--images and --video"), (["--fast"], "--fast")]:
            done = kexp_test.run(options, program=kexp_test.ROOT / "scripts/quickstart.sh")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertTrue(re.match("quickstart: ", done.stderr))


if __name__ == "__main__":
    kexp_test.main()
