"""What goes wrong around `kexp feed`, on a real Kafka: it is named, nothing is lost or hidden, and the files stand."""

import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import small_disk, stopped
from kexp_test.feeding import FedRun, fastest_catch_up, lateness_s, make_dataset
from kexp_test.stack import add_partitions, delete_topic

RATE = 50  # images/s
IMAGES = 6  # in the dataset


class FeedFaultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.dataset = make_dataset(cls.folder, IMAGES)
        # Begins here, as it takes the ten seconds that a broker has to answer.
        cls.without_broker = kexp_test.Process(["feed", "--servers", f"127.0.0.1:{kexp_test.free_port()}", "--dataset", cls.dataset, "--run",
                                                cls.folder / "nowhere"])
        cls.addClassCleanup(cls.without_broker.close)

    def setUp(self):
        self.topic = f"input-{self.id().rsplit('.', 1)[1]}"
        self.run = FedRun(self.folder / self.topic)

    def start(self, seconds, *more, run=None, env=None):
        """A feed of RATE images/s in the background."""
        feed = kexp_test.Process(
            ["feed", "--servers", self.kafka.servers, "--dataset", self.dataset, "--topic", self.topic, "--run", run or self.run.path,
             "--max-ips", RATE, "--profile", "constant", "--duration", seconds, *more], env=env)
        self.addCleanup(feed.close)
        return feed

    def wait_for_images(self, count, run=None):
        kexp_test.wait_until(lambda: len((run or self.run).sends()) >= count, 20, f"{count} rows in sends.csv")

    def on_topic(self):
        """How many records the topic holds."""
        done = kexp_test.run(["-b", self.kafka.servers, "-C", "-t", self.topic, "-o", "beginning", "-e", "-q", "-f", "%k\n"], program="kcat")
        self.assertEqual(done.returncode, 0, done.stderr)
        return len(done.stdout.split())

    def assert_all_acknowledged(self, seconds, run=None):
        run = run or self.run
        self.assertEqual([row["id"] for row in run.with_status("acknowledged")], list(range(seconds * RATE)))
        counts = run.counts()
        self.assertEqual([counts[name] for name in ("planned", "sent", "acknowledged")], [seconds * RATE] * 3, counts)

    def test_a_broker_that_is_down_at_the_start_leaves_nothing_behind(self):
        self.assertEqual(self.without_broker.wait(15), 3, self.without_broker.output())
        self.assertIn("no broker answered at", self.without_broker.stderr)
        self.assertFalse((self.folder / "nowhere").exists())

    def test_a_topic_that_is_deleted_ends_it_and_is_named(self):
        self.kafka.create_topic(self.topic, 2)
        # Otherwise half a minute: a topic may be new, and the metadata late.
        feed = self.start(600, "-X", "topic.metadata.propagation.max.ms=1000", "-X", "topic.metadata.refresh.interval.ms=500")
        self.wait_for_images(RATE)
        delete_topic(self.kafka.servers, self.topic)
        self.assertEqual(feed.wait(30), 1, feed.output())
        self.assertRegex(feed.stderr, rf"kexp: cannot send .* of {self.topic}: .*Unknown (topic|partition)")
        counts = self.run.counts()
        self.assertEqual(counts["sent"], counts["acknowledged"] + counts["failed"] + counts["unknown"])
        self.assertGreaterEqual(counts["acknowledged"], RATE)
        self.assertEqual(self.run.verdict()["state"], "INVALID")
        self.assertEqual(len(self.run.events("failed")), 1)

    def test_partitions_that_are_added_change_nothing_and_are_told_once(self):
        self.kafka.create_topic(self.topic, 2)
        feed = self.start(4, "-X", "topic.metadata.refresh.interval.ms=200")
        self.wait_for_images(RATE // 2)
        add_partitions(self.kafka.servers, self.topic, 5)
        self.assertIn(feed.wait(), (0, 5), feed.output())
        self.assert_all_acknowledged(4)
        self.assertEqual({row["partition"] for row in self.run.sends()}, {0, 1})
        told = [line for line in feed.stderr.splitlines() if "from 2 to 5" in line]
        self.assertEqual(len(told), 1, feed.stderr)

    def test_a_feeder_that_is_stopped_names_its_own_stall_and_repays_it(self):
        self.kafka.create_topic(self.topic, 2)
        feed = self.start(12)
        self.wait_for_images(RATE)
        with stopped(feed.pid):
            time.sleep(5)  # what is tested
        self.assertEqual(feed.wait(), 5, feed.output())  # a third of the images were late, by the feeder's own fault
        self.assert_all_acknowledged(12)
        self.assertAlmostEqual(sum(event["duration_s"] for event in self.run.events("stall")), 5, delta=0.5)
        self.assertEqual(self.run.events("outage"), [])
        self.assertEqual(self.run.verdict()["state"], "INVALID")
        self.assertIn("stood still", self.run.reasons())
        self.assertGreater(fastest_catch_up(self.run.sends()), 1.8)
        self.assertLess(fastest_catch_up(self.run.sends()), 2.1)

    def test_a_wall_clock_that_steps_moves_no_image(self):
        self.kafka.create_topic(self.topic, 2)
        with kexp_test.WallClock() as clock:
            feed = self.start(5, env=clock.environment)
            self.wait_for_images(RATE)
            clock.step(3)
            kexp_test.wait_until(lambda: self.run.events("clock_stepped"), 10, "the step to be noted")
            clock.step(-2)
            self.assertIn(feed.wait(), (0, 5), feed.output())
        self.assert_all_acknowledged(5)
        sends = self.run.sends()
        t0 = self.run.last("sending")["t0_unix_ns"]
        self.assertLess(sends[0]["intended_ns"] - t0, 2e9 / RATE)
        for before, after in zip(sends, sends[IMAGES:]):  # all images once
            self.assertAlmostEqual(after["intended_ns"] - before["intended_ns"], IMAGES * 1e9 / RATE, delta=2)
        self.assertLess(max(map(lateness_s, sends)), 1)
        steps = [event["by_s"] for event in self.run.events("clock_stepped")]
        self.assertEqual([round(step) for step in steps], [3, -2])
        self.run.answer(self.kafka)
        if "later than 100 ms" not in self.run.reasons():  # This machine was too busy.
            self.assertEqual(self.run.verdict()["state"], "PERTURBED", self.run.verdict())
        self.assertRegex(self.run.reasons(), r"clock")

    def test_a_disk_that_fills_up_is_named_and_the_topic_tells_the_rest(self):
        self.kafka.create_topic(self.topic, 2)
        disk = small_disk(self, self.folder / "small", "1m")
        run = FedRun(disk / "run")
        feed = self.start(600, run=run.path)
        self.wait_for_images(RATE, run)
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
        on_topic = self.on_topic()
        self.assertGreaterEqual(on_topic, RATE)

        ballast.unlink()
        verification, _ = run.verify(self.kafka)
        self.assertTrue(verification["holds"], verification)
        self.assertEqual(run.verdict()["state"], "PARTIAL")
        self.assertNotIn("as chosen", run.reasons())
        counts = run.counts()
        self.assertEqual(counts["acknowledged"], on_topic, counts)
        self.assertEqual(counts["unknown"], 0, counts)

    def test_a_second_feeder_on_a_run_is_refused_and_the_first_goes_on(self):
        self.kafka.create_topic(self.topic, 2)
        first = self.start(3)
        self.wait_for_images(1)
        second = self.start(3)
        self.assertEqual(second.wait(), 2, second.output())
        self.assertIn("--run", second.stderr)
        self.assertIn(first.wait(), (0, 5), first.output())
        self.assert_all_acknowledged(3)
        self.assertEqual(self.on_topic(), 3 * RATE)

    def test_two_shards_are_one_plan(self):
        self.kafka.create_topic(self.topic, 2)
        t0 = int(time.time()) + 4
        shards = [self.start(3, "--shard", f"{index}/2", "--t0", t0) for index in (1, 2)]
        for shard in shards:
            self.assertIn(shard.wait(), (0, 5), shard.output())
        self.assert_all_acknowledged(3)
        self.assertEqual(len(self.run.rows("sends-1.csv")), 3 * RATE // 2)
        self.assertEqual({int(row["id"]) % 2 for row in self.run.rows("sends-2.csv")}, {1})
        begins = [self.run.last("sending", f"feed-{index}") for index in (1, 2)]
        self.assertEqual([begin["t0_unix_ns"] for begin in begins], [t0 * 1_000_000_000] * 2)
        self.assertEqual(begins[0]["plan_hash"], begins[1]["plan_hash"])
        self.assertEqual(self.run.json("plan.json")["images"], 3 * RATE)
        # How far apart the two began; the least of some images, as this machine may be busy.
        starts = [min(lateness_s(row) for row in self.run.sends() if row["id"] % 2 == shard and row["id"] < 40) for shard in (0, 1)]
        self.assertLess(abs(starts[0] - starts[1]), 0.005)

    def test_a_shard_that_is_missing_is_named_until_its_files_are_there(self):
        self.kafka.create_topic(self.topic, 2)
        elsewhere = FedRun(self.folder / "elsewhere")
        t0 = time.time() + 4
        shards = [self.start(1, "--shard", f"{index}/2", "--t0", t0, run=run.path) for index, run in ((1, self.run), (2, elsewhere))]
        for shard in shards:
            self.assertIn(shard.wait(), (0, 5), shard.output())
        self.assertIn("feed-2.json is not here", self.run.reasons())
        self.assertIn("feed-1.json is not here", elsewhere.reasons())
        for file in elsewhere.path.iterdir():  # as rsync --ignore-existing copies
            if file.is_file() and not (self.run.path / file.name).exists():
                shutil.copy(file, self.run.path)
        verification, _ = self.run.verify(self.kafka)
        self.assertTrue(verification["holds"], verification)
        self.assertNotIn("is not here", self.run.reasons())
        self.assert_all_acknowledged(1)

    def test_a_kill_leaves_the_files_up_to_the_last_second(self):
        self.kafka.create_topic(self.topic, 2)
        feed = self.start(600)
        self.wait_for_images(3 * RATE)
        killed = time.time()
        feed.kill()
        sends = self.run.sends()
        self.assertGreater(max(row["acked_ns"] for row in sends) / 1e9, killed - 1)
        self.assertLess(sends[-1]["id"] - len(sends), 5, "rows are missing in between")
        t0 = self.run.last("sending")["t0_unix_ns"] / 1e9
        seconds = self.run.rows("seconds.csv")
        self.assertGreaterEqual(len(seconds), int(killed - t0) - 1)
        self.assertEqual([int(row["second"]) for row in seconds], list(range(len(seconds))))
        self.assertEqual(int(seconds[1]["sent_images"]), RATE)
        verification, _ = self.run.verify(self.kafka)
        self.assertTrue(verification["holds"], verification)
        self.assertEqual(self.run.counts()["acknowledged"], self.on_topic())


if __name__ == "__main__":
    kexp_test.main()
