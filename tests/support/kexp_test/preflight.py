"""What tests of that share which a feed does before it sends: a short feed, taken or refused, and no topic left behind."""

import json
import re
import subprocess

from .broker_case import BrokerCase
from .feeding import FedRun
from .wait import wait_until


class PreflightCase(BrokerCase):
    """Every test has a cache of its own, which is empty."""

    def setUp(self):
        super().setUp()
        cache = self.folder / f"cache-{self.topic}"
        self.environment = {"XDG_CACHE_HOME": cache}
        self.calibrations = cache / "kexp/calibration"

    def tearDown(self):
        # The controller says that a topic is deleted a moment before the brokers stop naming it.
        wait_until(lambda: not self.scratch_topics(), 60, lambda: f"the end of {self.scratch_topics()}")

    def scratch_topics(self):
        done = subprocess.run(["kcat", "-b", self.kafka.servers, "-L", "-J"], capture_output=True, text=True, timeout=60, check=True)
        return [topic["topic"] for topic in json.loads(done.stdout)["topics"] if re.match("kexp-(clock|calibrate)-", topic["topic"])]

    def short_feed(self, topic, *more):
        """20 images/s for 1 s."""
        return self.run_feed("--profile", "constant", "--max-ips", "20", "--duration", "1", *more, topic=topic, env=self.environment)

    def assert_refused(self, topic, *words, more=()):
        """What the refusal says."""
        done = self.short_feed(topic, *more)
        self.assertEqual(done.returncode, 2, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse((self.folder / topic).exists())
        return done.stderr

    def assert_feeds(self, topic, *more):
        """What a feed that is taken says."""
        done = self.short_feed(topic, *more)
        self.assertIn(done.returncode, (0, 5), done.stderr)  # 5: this machine was too busy for the pacing
        return done.stderr

    def events(self, topic, name):
        return FedRun(self.folder / topic).events(name)
