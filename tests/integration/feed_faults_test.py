"""What goes wrong around `kexp feed`, on a real Kafka: it is named, nothing is lost or hidden, and the files stand."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import small_disk, stopped
from kexp_test.feeding import FedRun, fastest_catch_up, lateness_s
from kexp_test.stack import add_partitions, delete_topic

RATE = 50  # images/s


class FeedFaultsTest(kexp_test.BrokerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Begins here, as it takes the ten seconds that a broker has to answer.
        cls.without_broker = kexp_test.Process(["feed", "--servers", f"127.0.0.1:{kexp_test.free_port()}", "--dataset", cls.dataset, "--run",
                                                cls.folder / "nowhere"])
        cls.addClassCleanup(cls.without_broker.close)

    def start(self, seconds, *more, run=None, env=None):
        """A feed of RATE images/s in the background."""
        return self.start_feed("--max-ips", RATE, "--profile", "constant", "--duration", seconds, *more, run=run, env=env)

    def on_topic(self):
        """How many records the topic holds."""
        return len(self.kafka.records(self.topic, "%k"))

    def assert_all_acknowledged(self, seconds):
        self.assertEqual([row["id"] for row in self.fed.with_status("acknowledged")], list(range(seconds * RATE)))
        counts = self.fed.counts()
        self.assertEqual([counts[name] for name in ("planned", "sent", "acknowledged")], [seconds * RATE] * 3, counts)

    def test_a_broker_that_is_down_at_the_start_leaves_nothing_behind(self):
        self.assertEqual(self.without_broker.wait(), 3, self.without_broker.output())
        self.assertIn("no broker answered at", self.without_broker.stderr)
        self.assertFalse((self.folder / "nowhere").exists())

    def test_a_topic_that_is_deleted_ends_it_and_is_named(self):
        self.create_topic()
        # Otherwise half a minute: a topic may be new, and the metadata late.
        feed = self.start(600, "-X", "topic.metadata.propagation.max.ms=1000", "-X", "topic.metadata.refresh.interval.ms=500")
        self.fed.wait_for_sends(RATE)
        delete_topic(self.kafka.servers, self.topic)
        self.assertEqual(feed.wait(), 1, feed.output())
        self.assertRegex(feed.stderr, rf"kexp: cannot send .* of {self.topic}: .*Unknown (topic|partition)")
        counts = self.fed.counts()
        self.assertEqual(counts["sent"], counts["acknowledged"] + counts["failed"] + counts["unknown"])
        self.assertGreaterEqual(counts["acknowledged"], RATE)
        self.assertEqual(self.fed.verdict()["state"], "INVALID")
        error = self.fed.last("failed")["error"]
        self.assertIn(f"feed failed: {error}", self.fed.verdict()["reasons"])
        self.assertIn(f'error feed: failed error="{error}"', (self.fed.path / "log").read_text())

    def test_partitions_that_are_added_change_nothing_and_are_told_once(self):
        self.create_topic()
        feed = self.start(6, "-X", "topic.metadata.refresh.interval.ms=200")
        self.fed.wait_for_sends(1)
        add_partitions(self.kafka.servers, self.topic, 5)
        self.assertIn(feed.wait(), (0, 5), feed.output())
        self.assert_all_acknowledged(6)
        self.assertEqual({row["partition"] for row in self.fed.sends()}, {0, 1})
        told = [line for line in feed.stderr.splitlines() if "from 2 to 5" in line]
        self.assertEqual(len(told), 1, feed.stderr)

    def test_a_feeder_that_is_stopped_names_its_own_stall_and_repays_it(self):
        self.create_topic()
        feed = self.start(12)
        self.fed.wait_for_sends(RATE)
        began = time.time()
        with stopped(feed.pid):
            time.sleep(5)  # what is tested
        ended = time.time()
        self.assertEqual(feed.wait(), 5, feed.output())  # a third of the images were late, by the feeder's own fault
        self.assert_all_acknowledged(12)
        self.assertAlmostEqual(sum(event["duration_s"] for event in self.fed.events("stall")), ended - began, delta=1)
        # At other times a busy broker may keep it waiting.
        self.assertEqual([event for event in self.fed.events("outage")
                          if event["start_unix_ns"] / 1e9 < ended and event["end_unix_ns"] / 1e9 > began], [])
        self.assertEqual(self.fed.verdict()["state"], "INVALID")
        self.assertIn("stood still", self.fed.reasons())
        self.assertGreater(fastest_catch_up(self.fed.sends()), 1.8)
        self.assertLess(fastest_catch_up(self.fed.sends()), 2.1)

    def test_a_wall_clock_that_steps_moves_no_image(self):
        self.create_topic()
        with kexp_test.WallClock() as clock:
            feed = self.start(6, env=clock.environment)
            self.fed.wait_for_sends(1)
            clock.step(3)
            kexp_test.wait_until(lambda: self.fed.events("clock_stepped"), 60, "the step to be noted")
            clock.step(-2)
            self.assertIn(feed.wait(), (0, 5), feed.output())
        self.assert_all_acknowledged(6)
        sends = self.fed.sends()
        t0 = self.fed.last("sending")["t0_unix_ns"]
        self.assertLess(sends[0]["intended_ns"] - t0, 2e9 / RATE)
        for before, after in zip(sends, sends[self.images:]):  # all images once
            self.assertAlmostEqual(after["intended_ns"] - before["intended_ns"], self.images * 1e9 / RATE, delta=2)
        self.assertLess(max(map(lateness_s, sends)), 1.9)  # A step of 2 s would show, on a busy machine, too.
        steps = [event["by_s"] for event in self.fed.events("clock_stepped")]
        self.assertEqual([round(step) for step in steps], [3, -2])
        self.fed.answer(self.kafka)
        if "later than 100 ms" not in self.fed.reasons():  # This machine was too busy.
            self.assertEqual(self.fed.verdict()["state"], "PERTURBED", self.fed.verdict())
        self.assertRegex(self.fed.reasons(), r"clock")

    def test_a_disk_that_fills_up_is_named_and_the_topic_tells_the_rest(self):
        self.create_topic()
        disk = small_disk(self, self.folder / "small", "1m")
        run = FedRun(disk / "run")
        feed = self.start(600, run=run.path)
        run.wait_for_sends(RATE)
        ballast = disk / "ballast"
        with open(ballast, "wb", buffering=0) as file:  # all that is left, to the last byte
            for size in (4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass
        self.assertEqual(feed.wait(), 1, feed.output())
        self.assertIn("No space left on device", feed.stderr)
        self.assertIn("small/run", feed.stderr)
        self.assertIn(f"kexp feed verify {run.path} --from-topic", feed.stderr)
        on_topic = self.on_topic()
        self.assertGreaterEqual(on_topic, RATE)

        ballast.unlink()
        verification, _ = run.verify(self.kafka)
        self.assertTrue(verification["holds"], verification)
        if run.events("failed"):  # The disk may not even have taken that.
            skipped = [check["what"] for check in verification["checks"] if check["outcome"] == "skipped"]
            self.assertIn("the feed failed", " | ".join(skipped))
            self.assertIn("No space left on device", run.reasons())
        self.assertEqual(run.verdict()["state"], "PARTIAL")
        self.assertNotIn("as chosen", run.reasons())
        counts = run.counts()
        self.assertEqual(counts["acknowledged"], on_topic, counts)
        self.assertEqual(counts["unknown"], 0, counts)

    def test_a_second_feeder_on_a_run_is_refused_and_the_first_goes_on(self):
        self.create_topic()
        first = self.start(3)
        self.fed.wait_for_sends(1)
        second = self.start(3)
        self.assertEqual(second.wait(), 2, second.output())
        self.assertIn("--run", second.stderr)
        self.assertIn(first.wait(), (0, 5), first.output())
        self.assert_all_acknowledged(3)
        self.assertEqual(self.on_topic(), 3 * RATE)

    def test_a_kill_leaves_the_files_up_to_the_last_second(self):
        self.create_topic()
        feed = self.start(600)
        self.fed.wait_for_sends(3 * RATE)
        killed = time.time()
        feed.kill()
        self.assertEqual(self.fed.verdict()["state"], "PARTIAL")
        self.assertIn("feed has not finished", self.fed.reasons())
        sends = self.fed.sends()
        self.assertGreater(max(row["acked_ns"] for row in sends) / 1e9, killed - 1)
        self.assertLess(sends[-1]["id"] - len(sends), RATE / 2, "rows are missing in between")  # Partitions are answered one after the other.
        t0 = self.fed.last("sending")["t0_unix_ns"] / 1e9
        seconds = self.fed.rows("seconds.csv")
        self.assertGreaterEqual(len(seconds), int(killed - t0) - 1)
        self.assertEqual([int(row["second"]) for row in seconds], list(range(len(seconds))))
        self.assertGreaterEqual(len(sends), sum(int(row["sent_images"]) for row in seconds) - RATE)
        self.assertEqual({row["planned_images"] for row in seconds}, {str(RATE)})
        verification, _ = self.fed.verify(self.kafka)
        self.assertTrue(verification["holds"], verification)
        self.assertEqual(self.fed.counts()["acknowledged"], self.on_topic())


if __name__ == "__main__":
    kexp_test.main()
