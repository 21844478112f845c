"""What tests of the binary on a real broker share: the broker, a folder, a dataset, and a topic and a run of each test's own."""

import tempfile
import unittest
from pathlib import Path

from .feeding import FedRun, make_dataset
from .processes import Process, run
from .stack import LocalKafka

_shared = []  # the broker of this program


def shared_broker():
    """The one broker of a test program: starting one takes longer than most tests. It ends with the program."""
    if not _shared:
        _shared.append(LocalKafka())
        _shared[0].start()
    return _shared[0]


class BrokerCase(unittest.TestCase):
    """`self.kafka`, `self.folder` and `self.dataset` are the class's; `self.topic`, which `create_topic` makes, and `self.fed`, the run
    directory, are each test's own."""

    images = 6  # of some 9 kB each

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.kafka = cls.make_broker()
        cls.dataset = cls.make_dataset()

    @classmethod
    def make_broker(cls):
        """The program's one; a class that needs another starts it here, by `started`."""
        return shared_broker()

    @classmethod
    def started(cls, broker):
        cls.addClassCleanup(broker.close)
        broker.start()
        return broker

    @classmethod
    def make_dataset(cls):
        return make_dataset(cls.folder, cls.images)

    def setUp(self):
        self.topic = "-".join(self.id().split(".")[-2:])  # classes share the broker
        self.fed = FedRun(self.folder / self.topic)

    def create_topic(self, partitions=2, configs=None, suffix=""):
        """Makes the test's topic, or another one beside it; its name."""
        self.kafka.create_topic(self.topic + suffix, partitions, configs)
        return self.topic + suffix

    def feed_arguments(self, *more, topic=None, run=None, servers=None):
        """Those of a feed into the test's topic and run, or into another topic, whose run has its name."""
        topic = topic or self.topic
        return ["feed", "--servers", servers or self.kafka.servers, "--dataset", self.dataset, "--topic", topic,
                "--run", run or self.folder / topic, *more]

    def run_feed(self, *more, topic=None, env=None):
        """A feed to its end."""
        return run(self.feed_arguments(*more, topic=topic), env=env)

    def feeds(self, *more, topic=None, env=None):
        """A feed that sends all of its plan; what it printed, and said."""
        done = self.run_feed(*more, topic=topic, env=env)
        self.assertIn(done.returncode, (0, 5), done.stderr)  # 5: this machine was too busy for the pacing
        return done

    def start_feed(self, *more, run=None, env=None):
        """A feed in the background that ends with the test."""
        feed = Process(self.feed_arguments(*more, run=run), env=env)
        self.addCleanup(feed.close)
        return feed

    def wait_for_sends(self, count, run=None):
        (run or self.fed).wait_for_sends(count)
