"""10,000 images that pass a group of consumers while something is done to them, and what became of each.

An image may be answered twice where a consumer lost its partition before the answer was committed: when it was killed, stood still,
gave the partition up, or had no broker. Where one answer is refused, those after it in its partition are not committed either, however
long they have been acknowledged. Such moments are kept, with their consumer and partitions, and every answer too many has to
belong to one. KEXP_CONSUME_FLAGS, "--threads 1" by default, are more flags of each consumer:
"--threads 2 --streams 2" is worth a try, too.
"""

import collections
import contextlib
import dataclasses
import datetime
import json
import os
import re
import shlex
import sys
import time
import unittest
from pathlib import Path

import kexp_test
from kexp_test.feeding import make_dataset
from kexp_test.pod import Pod, Topics
from kexp_test.stack import alter_topic

IMAGES = 10_000
RATE = 80  # images/s
PARTITIONS = 8
SESSION_MS = 6_000
# Answers so long before a consumer goes may not be committed: once a second, and the answer's way to the broker and back.
COMMIT_S = 3
# A group's rebalance, in which no commit is taken.
REBALANCE_S = 10


@dataclasses.dataclass
class GivenUp:
    """A stretch of time in which what a consumer answers may be answered again. `pod` None: of all; `partitions` None: of all."""

    cause: str
    begin: float
    end: float
    pod: str | None = None
    partitions: frozenset | None = None

    def excuses(self, answer):
        return (self.pod in (None, answer["pod"]) and (self.partitions is None or answer["partition"] in self.partitions)
                and self.begin <= answer["done_time"] / 1000 <= self.end)


class NamedPod(Pod):
    """A consumer whose answers can be told from those of the others."""

    def __init__(self, number, servers, *args):
        self.name = f"pod-{number}"
        super().__init__(servers, *args, env={"POD_NAME": self.name})

    def given_up(self, refused=()):
        """What its log says that it gave up or lost; `refused`: when answers were refused, from and until."""
        for when, event, partitions in re.findall(r"^(\S+)Z \w+ consume: (revoked|lost) partitions=([\d,]+)", self.stderr, re.MULTILINE):
            time_of = datetime.datetime.fromisoformat(when).replace(tzinfo=datetime.timezone.utc).timestamp()
            held_back = [begin for begin, end in refused if begin <= time_of <= end + REBALANCE_S]
            yield GivenUp(event, min([time_of, *held_back]) - REBALANCE_S, time_of + 1, self.name, frozenset(map(int, partitions.split(","))))


class ConsumeLoad(unittest.TestCase):
    """What the tests of consumers under faults share."""

    def setUp(self):
        self.kafka = kexp_test.LocalKafka()
        self.addCleanup(self.kafka.close)
        self.kafka.start()
        self.topics = Topics(self.kafka, "load", partitions=PARTITIONS)
        self.pods = []  # all that there ever were
        self.given_up = []
        self.refused = []  # when answers were refused: (begin, end)
        self.feed = None

    def start_feed(self):
        folder = Path(self.kafka.dir)
        self.feed = kexp_test.Process(["feed", "--servers", self.kafka.servers, "--topic", self.topics.input, "--dataset", make_dataset(folder),
                                       "--profile", "constant", "--max-ips", RATE, "--duration", IMAGES // RATE, "--run", folder / "run"])
        self.addCleanup(self.feed.close)
        self.started = time.monotonic()

    def wait_for_second(self, second):
        """Lets images pass until so long after the start of the feed; false when it has ended before."""
        while time.monotonic() - self.started < second and self.feed.running():
            time.sleep(0.1)
        return self.feed.running()

    def start_pod(self, *args):
        pod = NamedPod(len(self.pods), self.kafka.servers, *self.topics.arguments(), "--input", "64",
                       "-X", f"session.timeout.ms={SESSION_MS}", *shlex.split(os.environ.get("KEXP_CONSUME_FLAGS", "--threads 1")), *args)
        self.addCleanup(pod.close)
        self.pods.append(pod)
        return pod

    def start_ready_pods(self, count):
        pods = [self.start_pod() for _ in range(count)]
        for pod in pods:
            pod.wait_ready()
        return pods

    # --- What is done to them -------------------------------------------------------------------------------

    def gives_up(self, cause, begin, end, pod=None):
        self.given_up.append(GivenUp(cause, begin, end, pod.name if pod else None))

    def kill(self, pod):
        pod.kill()
        now = time.time()
        self.gives_up("killed", now - COMMIT_S, now, pod)

    def restart_ended(self, pods, code):
        """Starts those again that have ended, which has to be with this exit code, as Kubernetes does; how many there were."""
        ended = [i for i, pod in enumerate(pods) if not pod.running()]
        for i in ended:
            self.assertEqual(pods[i].wait(1), code, pods[i].output())
            now = time.time()
            self.gives_up("ended", now - REBALANCE_S - COMMIT_S, now, pods[i])
            pods[i] = self.start_pod()
        return len(ended)

    @contextlib.contextmanager
    def refusing_answers(self, **settings):
        """Has the output topic such settings, and its own again after it."""
        names = [name.replace("_", ".") for name in settings]
        begin = time.time()
        alter_topic(self.kafka.servers, self.topics.output, dict(zip(names, settings.values())))
        yield
        alter_topic(self.kafka.servers, self.topics.output, dict.fromkeys(names))
        self.refused.append((begin, time.time()))

    def kill_broker(self):
        """kill -9, and the broker again."""
        begin = time.time()
        self.kafka.kill()
        self.kafka.start()
        self.gives_up("broker", begin - COMMIT_S, time.time() + REBALANCE_S)

    def members(self):
        done = kexp_test.run(["topics", "lag", "--input-topic", self.topics.input, "--servers", self.kafka.servers, "--json"])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["members"]

    # --- What became of the images --------------------------------------------------------------------------

    def wait_for_the_end(self):
        """Until the feed has sent all and the group has committed all."""
        self.assertIn(self.feed.wait(IMAGES / RATE + 120), (0, 5), self.feed.output())  # 5: an outage makes images late
        self.assertRegex(self.feed.stdout, rf"(?m)^acknowledged +{IMAGES}$")
        drained = kexp_test.run(["topics", "lag", "--servers", self.kafka.servers, "--input-topic", self.topics.input, "--until-zero",
                                 "--timeout", "120"], timeout=150)
        self.assertEqual(drained.returncode, 0, drained.stdout + drained.stderr)

    def account(self, **more):
        """Every image has an answer, and one that is not excused at most. Prints the figures and returns them with `more`."""
        answers = collections.defaultdict(list)
        for answer in self.topics.answers():
            answers[answer["id"]].append(answer)
        missing = {str(i) for i in range(IMAGES)} - set(answers)
        given_up = self.given_up + [moment for pod in self.pods for moment in pod.given_up(self.refused)]
        causes = collections.Counter()
        unexplained = []
        for repeated in (list_of for list_of in answers.values() if len(list_of) > 1):
            excuses = [next((m.cause for m in given_up if m.excuses(answer)), None) for answer in repeated]
            if excuses.count(None) > 1:
                unexplained.append([(a["id"], a["pod"], a["partition"], a["done_time"]) for a in repeated])
            causes.update(sorted(excuses, key=lambda cause: cause is None)[: len(repeated) - 1])
        figures = {"images": IMAGES, "missing": len(missing), "duplicates": sum(map(len, answers.values())) - len(answers),
                   "duplicates_by_cause": dict(causes), "errors": sum(a[-1]["errors"] for a in answers.values()), **more,
                   "seconds": round(time.monotonic() - self.started)}
        print(json.dumps({"test": self.id().rsplit(".", 1)[1], **figures}), file=sys.stderr)
        self.assertEqual(missing, set())
        self.assertEqual(len(answers), IMAGES, "answers to what was never sent")
        self.assertEqual(unexplained, [], "answered twice though nobody lost the partition")
        return figures
