"""What `kexp feed` refuses before it sends anything, on a real Kafka."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.preflight import PreflightCase


class FeedRefusalsTest(PreflightCase):
    def refused_until_cured(self, setting, value):
        """A topic with that setting is refused, and one with what the refusal says is taken; the refusal."""
        refusal = self.assert_refused(self.create_topic(configs={setting: value}), f"{setting}={value}")
        key, right = re.search(r"--add-config ([a-z.]+)=(\S+)\)", refusal).groups()
        self.assertEqual(key, setting)
        self.assert_feeds(self.create_topic(configs={key: right}, suffix="-cured"))
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
        topic = self.create_topic(configs={"retention.ms": 600_000})
        self.assertIn("(retention.ms)", self.assert_feeds(topic))
        self.assertIn("(retention.ms)", (self.folder / topic / "log").read_text())

    def test_a_producer_that_takes_only_smaller_images(self):
        topic = self.create_topic()
        self.assert_refused(topic, "-X message.max.bytes=5000", "-X message.max.bytes=16777216", more=["-X", "message.max.bytes=5000"])
        self.assert_refused(topic, "queue.buffering.max.kbytes=4", more=["-X", "queue.buffering.max.kbytes=4"])

    def test_the_brokers_clock_is_in_the_run(self):
        topic = self.create_topic()
        self.assert_feeds(topic)
        clock, = self.events(topic, "broker_clock")
        self.assertEqual(clock["broker"], 1)
        self.assertLessEqual(abs(clock["ahead_ms"]), clock["uncertainty_ms"])  # The same machine.
        self.assertLess(clock["uncertainty_ms"], 500)

    def test_the_brokers_clock_is_left_alone_when_told(self):
        topic = self.create_topic()
        self.assert_feeds(topic, "--no-broker-clock")
        self.assertEqual([event["not_measured"] for event in self.events(topic, "broker_clock")], ["--no-broker-clock"])


if __name__ == "__main__":
    kexp_test.main()
