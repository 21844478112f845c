"""Consumers that come and go as a Deployment's do, by SIGTERM: no image is lost, and none is answered twice."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from consume_load import ConsumeLoad

GRACE_S = 30  # of a pod


class ConsumeScaleTest(ConsumeLoad):
    def stop(self, *pods):
        for pod in pods:
            pod.signal(signal.SIGTERM)
        for pod in pods:
            self.assertEqual(pod.wait(GRACE_S), 0, pod.output())
            self.assertIn(" open=0", pod.stderr)

    def test_from_one_to_eight_to_two_and_two_new_ones(self):
        pods = self.start_ready_pods(1)
        self.start_feed()
        self.wait_for_second(20)
        pods += self.start_ready_pods(7)
        self.wait_for_second(60)
        self.stop(*pods[2:])
        self.wait_for_second(90)
        for old in pods[:2]:  # as a rolling update
            new, = self.start_ready_pods(1)
            self.stop(old)
            pods.append(new)
        self.assertTrue(self.feed.running(), "the feed ended before the scaling did")
        self.wait_for_the_end()
        figures = self.account(stopped=8)
        self.assertEqual(figures["duplicates"], 0)
        self.assertEqual(figures["errors"], 0)


if __name__ == "__main__":
    kexp_test.main()
