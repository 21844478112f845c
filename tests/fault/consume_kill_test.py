"""Consumers that are killed, and a broker that restarts: no image is lost."""

import collections
import itertools
import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import write_images
from kexp_test.pod import Pod, Topics

IMAGES = 2000
CONSUMERS = 3
SECONDS_BETWEEN_KILLS = 10


class ConsumeKillTest(unittest.TestCase):
    def setUp(self):
        self.kafka = kexp_test.LocalKafka()
        self.addCleanup(self.kafka.close)
        self.kafka.start()
        self.topics = Topics(self.kafka, "kill", partitions=2 * CONSUMERS)

    def feed(self):
        folder = Path(self.kafka.dir)
        write_images(folder / "images", 20, 320, 240)
        done = kexp_test.run(["dataset", "make", "--images", folder / "images", "--out", folder / "images.hdf5"])
        self.assertEqual(done.returncode, 0, done.stderr)
        done = kexp_test.run(["feed", "--servers", self.kafka.servers, "--topic", self.topics.input, "--dataset", folder / "images.hdf5",
                              "--profile", "burst", "--count", IMAGES, "--max-ips", "1000", "--duration", "5", "--run", folder / "run"])
        self.assertIn(done.returncode, (0, 5), done.stderr)  # 5: late, which does not matter here
        self.assertIn(f"acknowledged  {IMAGES}", done.stdout)

    def start_pod(self):
        pod = Pod(self.kafka.servers, *self.topics.arguments(), "--threads", "1", "-X", "session.timeout.ms=3000")
        self.addCleanup(pod.close)
        return pod

    def missing(self):
        return {str(i) for i in range(IMAGES)} - set(self.topics.ids())

    def test_three_consumers_killed_in_turn_and_a_broker_restarted_lose_nothing(self):
        self.feed()
        pods = [self.start_pod() for _ in range(CONSUMERS)]
        for pod in pods:
            pod.wait_ready()
        started = time.monotonic()
        kills = 0
        broker_restarts = 0
        for turn in itertools.cycle(range(CONSUMERS)):
            next_kill = started + (kills + 1) * SECONDS_BETWEEN_KILLS
            while time.monotonic() < next_kill and self.missing():
                time.sleep(1)
            if not self.missing():
                break
            self.assertLess(time.monotonic() - started, 600, f"{len(self.missing())} images are still without answer")
            self.assertTrue(pods[turn].running(), pods[turn].output())
            pods[turn].kill()
            pods[turn] = self.start_pod()
            kills += 1
            if kills == 2:
                self.kafka.kill()
                self.kafka.start()
                broker_restarts += 1
        for pod in pods:
            self.assertTrue(pod.running(), pod.output())
        drained = kexp_test.run(["topics", "lag", "--servers", self.kafka.servers, "--input-topic", self.topics.input, "--until-zero"])
        self.assertEqual(drained.returncode, 0, drained.stdout + drained.stderr)
        answers = collections.Counter(self.topics.ids())
        print(json.dumps({"images": IMAGES, "missing": len(self.missing()), "duplicates": sum(answers.values()) - len(answers),
                          "kills": kills, "broker_restarts": broker_restarts, "seconds": round(time.monotonic() - started)}),
              file=sys.stderr)
        self.assertEqual(len(answers), IMAGES)
        self.assertGreaterEqual(kills, 2)
        self.assertEqual(broker_restarts, 1)


if __name__ == "__main__":
    kexp_test.main()
