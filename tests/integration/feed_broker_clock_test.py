"""`kexp feed` and a broker whose clock is two hours behind."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.preflight import PreflightCase

HOUR_MS = 3_600_000


class FeedBrokerClockTest(PreflightCase):
    @classmethod
    def make_broker(cls):
        clock = kexp_test.WallClock(-7200)
        cls.addClassCleanup(clock.close)
        return cls.started(kexp_test.LocalKafka(environment=clock.environment))

    def test_a_broker_that_would_refuse_every_image(self):
        topic = self.create_topic(configs={"message.timestamp.after.max.ms": HOUR_MS})
        refusal = self.assert_refused(topic, f"message.timestamp.after.max.ms={HOUR_MS}", "broker 1 is 2 h 00 min behind",
                                      "INVALID_TIMESTAMP")
        # It does refuse them.
        sent = kexp_test.run(["-b", self.kafka.servers, "-P", "-t", topic, "-X", "message.timeout.ms=20000"], program="kcat",
                             stdin="image\n")
        self.assertNotEqual(sent.returncode, 0, sent.stderr)
        self.assertIn("timestamp", sent.stderr)

        key, right = re.search(r"--add-config ([a-z.]+)=(\S+)\)", refusal).groups()
        cured = self.create_topic(configs={key: right}, suffix="-cured")
        self.assertIn("times of other hosts are off by as much", self.assert_feeds(cured))
        clock, = self.events(cured, "broker_clock")
        self.assertAlmostEqual(clock["ahead_ms"], -7_200_000, delta=clock["uncertainty_ms"])
        last, = self.events(cured, "finished")
        self.assertEqual(last["acknowledged"], last["planned"])


if __name__ == "__main__":
    kexp_test.main()
