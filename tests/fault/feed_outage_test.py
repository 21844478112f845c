"""Feeders whose broker goes away for 20 s, killed or silent: nothing is lost, the outage is named, and the debt is paid as chosen.

One feeder of each policy goes through the same outage, with room for a second's images in its client, so that debt is run up; one
more, at 15 MB/s with the client's usual room, shows what memory an outage takes.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.data import require
from kexp_test.feeding import FedRun, fastest_catch_up, lateness_s, make_dataset, most_sent_within

RATE = 50  # images/s
SECONDS = 100
OUTAGE_S = 20
MAX_DEBT_S = 0.1  # --max-debt's default
POLICIES = ("burst", "bounded", "drop", "fail")
LARGE_MBPS = 15
LARGE_BYTES = 30_000_000  # of that dataset


def peak_memory(pid):
    """Bytes that a process had in memory at most; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


class _Outage:
    """What both kinds of outage have in common."""

    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.dataset = make_dataset(cls.folder)
        cls.large_dataset = cls.make_large_dataset()
        cls.runs = {}
        cls.feeds = {policy: cls.start(policy, cls.dataset, "--max-ips", RATE, "--on-overload", policy, "-X",
                                       f"queue.buffering.max.messages={RATE}") for policy in POLICIES}
        if cls.large_dataset:
            cls.feeds["large"] = cls.start("large", cls.large_dataset, "--max-mbps", LARGE_MBPS)
        kexp_test.wait_until(lambda: all(len(run.sends()) > 5 * RATE for run in list(cls.runs.values())[: len(POLICIES)]), 60,
                             "five seconds of images")
        cls.lost = time.time()
        cls.lose_broker()
        time.sleep(OUTAGE_S)  # what is tested
        cls.bring_back()
        cls.back = time.time()
        cls.wait_for_ends()
        cls.codes = {name: feed.wait(1) for name, feed in cls.feeds.items()}

    @classmethod
    def make_large_dataset(cls):
        file = cls.folder / "large.hdf5"
        done = subprocess.run([kexp_test.ROOT / "scripts/bench/make-sized-dataset.py", file, "--images", str(LARGE_BYTES // 300_000), "--cv", "0"],
                              capture_output=True, text=True, check=False)
        return file if done.returncode == 0 else None

    @classmethod
    def start(cls, name, dataset, *more):
        cls.kafka.create_topic(name, 2, {"max.message.bytes": "16777216"})
        cls.runs[name] = FedRun(cls.folder / name)
        feed = kexp_test.Process(["feed", "--servers", cls.kafka.servers, "--dataset", dataset, "--topic", name, "--run", cls.runs[name].path,
                                  "--profile", "constant", "--duration", SECONDS, *more])
        cls.addClassCleanup(feed.close)
        return feed

    @classmethod
    def wait_for_ends(cls):
        cls.memory = 0

        def ended():
            cls.memory = max(cls.memory, peak_memory(cls.feeds["large"].pid)) if "large" in cls.feeds else 0
            return not any(feed.running() for feed in cls.feeds.values())

        kexp_test.wait_until(ended, SECONDS + 60, "the feeds to end")

    def all_sent_are_acknowledged(self, name):
        run = self.runs[name]
        counts = run.counts()
        self.assertEqual(counts["planned"], counts["sent"] + counts["dropped"], counts)
        self.assertEqual(counts["sent"], counts["acknowledged"], counts)
        return run, counts

    def outage_is_named(self, run):
        outages = run.events("outage")
        self.assertEqual(len(outages), 1, outages)
        outage = outages[0]
        self.assertAlmostEqual(outage["start_unix_ns"] / 1e9, self.lost, delta=1)
        self.assertGreater(outage["end_unix_ns"] / 1e9, self.lost + OUTAGE_S)
        self.assertLess(outage["end_unix_ns"] / 1e9, self.back + 5)
        self.assertGreaterEqual(outage["caught_up_unix_ns"], outage["end_unix_ns"])
        self.assertRegex(outage["cause"], self.cause)
        self.assertRegex(run.reasons(), self.cause)
        return outage

    def verification_holds(self, run, code):
        verification, exit_code = run.verify(self.kafka)
        self.assertTrue(verification["holds"], [check for check in verification["checks"] if not check["ok"]])
        self.assertEqual(exit_code, code, verification["verdict"])

    def is_perturbed(self, run):
        """The answers make the verdict whole."""
        run.answer(self.kafka)
        self.assertEqual(run.verdict()["state"], "PERTURBED", run.verdict())
        self.verification_holds(run, 0)

    def test_burst_sends_all_of_them_at_once(self):
        run, counts = self.all_sent_are_acknowledged("burst")
        self.assertEqual(self.codes["burst"], 0, self.feeds["burst"].output())
        self.assertEqual(counts["planned"], counts["sent"])
        outage = self.outage_is_named(run)
        self.assertLess(outage["caught_up_unix_ns"] - outage["end_unix_ns"], 8e9)
        self.assertGreater(most_sent_within(run.sends(), window_s=0.2), 5 * 0.2 * RATE)
        self.is_perturbed(run)

    def test_bounded_sends_them_at_twice_the_rate_at_most(self):
        run, counts = self.all_sent_are_acknowledged("bounded")
        self.assertEqual(self.codes["bounded"], 0, self.feeds["bounded"].output())
        self.assertEqual(counts["planned"], counts["sent"])
        outage = self.outage_is_named(run)
        fastest = fastest_catch_up(run.sends())
        self.assertGreater(fastest, 1.9)
        self.assertLess(fastest, 2.0 + 2 / RATE)  # a window of 1 s holds one image more or less
        self.assertGreater(outage["caught_up_unix_ns"] - outage["end_unix_ns"], (OUTAGE_S - 5) * 1e9)
        self.assertLess(max(lateness_s(row) for row in run.sends() if row["intended_ns"] > outage["caught_up_unix_ns"] + 1e9), 0.1)
        self.is_perturbed(run)

    def test_drop_leaves_out_what_would_be_late(self):
        run, counts = self.all_sent_are_acknowledged("drop")
        self.assertEqual(self.codes["drop"], 0, self.feeds["drop"].output())
        outage = self.outage_is_named(run)
        lasted = (outage["end_unix_ns"] - outage["start_unix_ns"]) / 1e9
        self.assertAlmostEqual(counts["dropped"], (lasted - 1) * RATE, delta=2 * RATE)  # there was room for a second
        self.assertEqual(len(run.with_status("dropped")), counts["dropped"])
        self.assertLess(max(map(lateness_s, run.with_status("acknowledged"))), MAX_DEBT_S + 0.05)
        self.assertIn("dropped", run.reasons())
        self.is_perturbed(run)

    def test_fail_ends_the_run(self):
        run = self.runs["fail"]
        counts = run.counts()
        self.assertEqual(self.codes["fail"], 5, self.feeds["fail"].output())
        self.assertEqual(counts["sent"], counts["acknowledged"] + counts["failed"] + counts["unknown"])
        self.assertLessEqual(counts["failed"] + counts["unknown"], RATE)  # what waited in the client
        self.assertLess(counts["sent"], (self.lost - run.last("sending")["t0_unix_ns"] / 1e9 + 3) * RATE)
        self.assertEqual(run.verdict()["state"], "INVALID")
        self.assertRegex(run.reasons(), "gave up, as chosen")
        self.verification_holds(run, 5)
        self.assertEqual(run.counts()["unknown"], 0)  # the topic has decided

    def test_the_client_takes_no_more_memory_than_it_may(self):
        require(self.large_dataset, "no h5py to make the dataset with")
        run, counts = self.all_sent_are_acknowledged("large")
        self.assertEqual(counts["planned"], counts["sent"])
        print(json.dumps({"peak_mb": round(self.memory / 1e6), "dataset_mb": LARGE_BYTES / 1e6,
                          "debt_s": round(max(map(lateness_s, run.sends())), 1)}), file=sys.stderr)
        self.assertLess(self.memory, LARGE_BYTES + 256_000_000)


class KilledBrokerTest(_Outage, unittest.TestCase):
    cause = "refused|Disconnected|reset|closed"

    @classmethod
    def lose_broker(cls):
        cls.kafka.kill()

    @classmethod
    def bring_back(cls):
        cls.kafka.start()


class SilentBrokerTest(_Outage, unittest.TestCase):
    cause = "answer|timed out"

    @classmethod
    def lose_broker(cls):
        os.kill(cls.kafka.pid, signal.SIGSTOP)
        cls.addClassCleanup(os.kill, cls.kafka.pid, signal.SIGCONT)  # or it could not be stopped in the end

    @classmethod
    def bring_back(cls):
        os.kill(cls.kafka.pid, signal.SIGCONT)


if __name__ == "__main__":
    kexp_test.main()
