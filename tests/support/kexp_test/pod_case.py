"""What tests of consumers on a real broker share: the broker, a picture, and topics and consumers of each test's own."""

import json
import signal
import unittest

from .broker_case import shared_broker
from .images import png
from .pod import Pod, Topics
from .processes import run


class PodCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = shared_broker()
        cls.image = png(320, 240, (40, 90, 160))

    def topics(self, partitions=1, output_configs=None):
        return Topics(self.kafka, self.id().rsplit(".", 1)[1], partitions, output_configs)

    def pod(self, topics, *args, env=None):
        """A consumer that ends with the test. Its session is longer than a busy machine leaves it, or the broker, without CPU."""
        pod = Pod(self.kafka.servers, *topics.arguments(), "-X", "session.timeout.ms=10000", *args, env=env)
        self.addCleanup(pod.close)
        return pod

    def stop(self, pod, number=signal.SIGTERM):
        pod.signal(number)
        self.assertEqual(pod.wait(), 0, pod.output())

    def members(self, topics):
        """How many members the group has."""
        return self._lag(topics)["members"]

    def committed(self, topics, partition=0):
        """The next offset that the group has committed of a partition; None for none."""
        return self._lag(topics)["partitions"][partition]["committed"]

    def _lag(self, topics):
        done = run(["topics", "lag", "--input-topic", topics.input, "--servers", self.kafka.servers, "--json"])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)
