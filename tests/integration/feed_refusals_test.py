"""What `kexp feed` refuses before it sends anything, and `kexp feed calibrate`, on a real Kafka."""

import json
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import write_images

HOUR_MS = 3_600_000


class Feeding(unittest.TestCase):
    """A broker, a dataset of 6 images of some 9 kB, and a cache that is empty."""

    broker_environment = None

    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka(environment=cls.broker_environment)
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        write_images(cls.folder / "images", 6)
        cls.dataset = cls.folder / "images.hdf5"
        done = kexp_test.run(["dataset", "make", "--images", cls.folder / "images", "--out", cls.dataset])
        assert done.returncode == 0, done.stderr

    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1]
        self.environment = {"XDG_CACHE_HOME": str(self.folder / f"cache-{self.name}")}

    def tearDown(self):
        self.assertEqual(self.scratch_topics(), [])

    def scratch_topics(self):
        done = subprocess.run(["kcat", "-b", self.kafka.servers, "-L", "-J"], capture_output=True, text=True, timeout=60, check=True)
        return [topic["topic"] for topic in json.loads(done.stdout)["topics"] if re.match("kexp-(clock|calibrate)-", topic["topic"])]

    def topic(self, settings=None, suffix=""):
        name = self.name + suffix
        self.kafka.create_topic(name, 2, settings)
        return name

    def feed(self, topic, *more):
        """20 images/s for 1 s."""
        return kexp_test.run(["feed", "--servers", self.kafka.servers, "--dataset", self.dataset, "--topic", topic,
                              "--run", self.folder / topic, "--profile", "constant", "--max-ips", "20", "--duration", "1", *more],
                             env=self.environment)

    def assert_refused(self, topic, *words, more=()):
        done = self.feed(topic, *more)
        self.assertEqual(done.returncode, 2, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse((self.folder / topic).exists())
        return done.stderr

    def assert_feeds(self, topic, *more):
        done = self.feed(topic, *more)
        self.assertIn(done.returncode, (0, 5), done.stderr)  # 5: this machine was too busy for the pacing
        return done.stderr

    def events(self, topic, name):
        lines = (self.folder / topic / "feed.json").read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == name]


class FeedRefusalsTest(Feeding):
    def refused_until_cured(self, setting, value):
        """A topic with that setting is refused, and one with what the refusal says is taken; the refusal."""
        refusal = self.assert_refused(self.topic({setting: value}), f"{setting}={value}")
        key, right = re.search(r"--add-config ([a-z.]+)=(\S+)\)", refusal).groups()
        self.assertEqual(key, setting)
        self.assert_feeds(self.topic({key: right}, "-cured"))
        return refusal

    def test_times_of_the_broker(self):
        self.refused_until_cured("message.timestamp.type", "LogAppendTime")

    def test_compaction(self):
        self.refused_until_cured("cleanup.policy", "compact")

    def test_messages_smaller_than_the_largest_image(self):
        self.assertRegex(self.refused_until_cured("max.message.bytes", 5000), r"the largest image is 9\d{3} bytes")

    def test_a_retention_smaller_than_the_run(self):
        self.assertRegex(self.refused_until_cured("retention.bytes", 50_000), r"puts \d{5,6} bytes into its fullest partition")

    def test_a_retention_shorter_than_the_run(self):
        self.refused_until_cured("retention.ms", 500)

    def test_a_retention_that_leaves_consumers_no_time_is_a_warning(self):
        topic = self.topic({"retention.ms": 600_000})
        self.assertIn("(retention.ms)", self.assert_feeds(topic))
        self.assertIn("(retention.ms)", (self.folder / topic / "log").read_text())

    def test_a_producer_that_takes_only_smaller_images(self):
        topic = self.topic()
        self.assert_refused(topic, "-X message.max.bytes=5000", "-X message.max.bytes=16777216", more=["-X", "message.max.bytes=5000"])
        self.assert_refused(topic, "queue.buffering.max.kbytes=4", more=["-X", "queue.buffering.max.kbytes=4"])

    def test_the_brokers_clock_is_in_the_run(self):
        topic = self.topic()
        self.assert_feeds(topic)
        clock, = self.events(topic, "broker_clock")
        self.assertEqual(clock["broker"], 1)
        self.assertLessEqual(abs(clock["ahead_ms"]), clock["uncertainty_ms"])  # The same machine.
        self.assertLess(clock["uncertainty_ms"], 500)

    def test_the_brokers_clock_is_left_alone_when_told(self):
        topic = self.topic()
        self.assert_feeds(topic, "--no-broker-clock")
        self.assertEqual([event["not_measured"] for event in self.events(topic, "broker_clock")], ["--no-broker-clock"])


class CalibrateTest(Feeding):
    def calibrate(self, *more):
        return kexp_test.run(["feed", "calibrate", "--servers", self.kafka.servers, "--duration", "4", "--most-mb", "100", *more],
                             env=self.environment)

    def test_measures_and_is_kept(self):
        done = self.calibrate("--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(found["servers"], self.kafka.servers)
        self.assertEqual(found["mean_image_bytes"], 300_000)
        self.assertAlmostEqual(found["megabytes_per_s"], found["images_per_s"] * 0.3, delta=0.001 * found["megabytes_per_s"])
        for positive in "megabytes_per_s", "cpu_s_per_gb":
            self.assertGreater(found[positive], 0)
        self.assertGreater(found["small_images_per_s"], found["images_per_s"])
        self.assertEqual((found["lateness_50"]["count"], found["lateness_1000"]["count"]), (25, 500))
        kept, = (self.folder / f"cache-{self.name}/kexp/calibration").iterdir()
        self.assertEqual(json.loads(kept.read_text()), found)

    def test_sends_a_datasets_images(self):
        done = self.calibrate("--dataset", self.dataset)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"the broker took +\d+\.\d MB/s, \d+ images/s of 9\.\d+ kB; \d+ images/s of 1\.00 kB")

    def test_a_peak_above_it_is_refused_unless_forced(self):
        self.assertEqual(self.calibrate().returncode, 0)
        kept, = (self.folder / f"cache-{self.name}/kexp/calibration").iterdir()
        slow = json.loads(kept.read_text()) | {"small_images_per_s": 6, "images_per_s": 5}
        for lateness in "lateness_50", "lateness_1000":
            slow[lateness]["p99_ms"] = 0.1  # Whatever else runs on this machine.
        kept.write_text(json.dumps(slow))
        topic = self.topic()
        self.assert_refused(topic, "20 images/s of 9", "5 images/s of 300 kB", "--max-ips to", "--force")
        self.assertIn("calibration", self.assert_feeds(topic, "--force"))

    def test_a_stop_leaves_no_topic(self):
        arguments = ["feed", "calibrate", "--servers", self.kafka.servers, "--duration", "60"]
        with kexp_test.Process(arguments, env=self.environment) as calibrate:
            kexp_test.wait_until(self.scratch_topics, 30, "the scratch topic")
            calibrate.signal(signal.SIGINT)
            self.assertEqual(calibrate.wait(15), 130, calibrate.output())
        self.assertFalse((self.folder / f"cache-{self.name}/kexp/calibration").exists())

    def test_a_broker_that_is_not_there(self):
        done = kexp_test.run(["feed", "calibrate", "--servers", "127.0.0.1:1"], env=self.environment)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("127.0.0.1:1", done.stderr)


class SlowClockTest(Feeding):
    """A broker whose clock is two hours behind."""

    @classmethod
    def setUpClass(cls):
        clock = kexp_test.WallClock(-7200)
        cls.addClassCleanup(clock.close)
        cls.broker_environment = clock.environment
        super().setUpClass()

    def test_a_broker_that_would_refuse_every_image(self):
        topic = self.topic({"message.timestamp.after.max.ms": HOUR_MS})
        refusal = self.assert_refused(topic, f"message.timestamp.after.max.ms={HOUR_MS}", "broker 1 is 2 h 00 min behind",
                                      "INVALID_TIMESTAMP")
        # It does refuse them.
        sent = kexp_test.run(["-b", self.kafka.servers, "-P", "-t", topic, "-X", "message.timeout.ms=20000"], program="kcat",
                             stdin="image\n")
        self.assertNotEqual(sent.returncode, 0, sent.stderr)
        self.assertIn("timestamp", sent.stderr)

        key, right = re.search(r"--add-config ([a-z.]+)=(\S+)\)", refusal).groups()
        cured = self.topic({key: right}, "-cured")
        self.assertIn("times of other hosts are off by as much", self.assert_feeds(cured))
        clock, = self.events(cured, "broker_clock")
        self.assertAlmostEqual(clock["ahead_ms"], -7_200_000, delta=clock["uncertainty_ms"])
        last, = self.events(cured, "finished")
        self.assertEqual(last["acknowledged"], last["planned"])


if __name__ == "__main__":
    del Feeding  # Only what derives from it.
    kexp_test.main()
