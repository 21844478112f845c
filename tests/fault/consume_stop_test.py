"""Consumers that stand still longer than their session lasts, as a frozen or paused pod does, and go on: no image is lost."""

import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from consume_load import COMMIT_S, REBALANCE_S, SESSION_MS, ConsumeLoad

CONSUMERS = 3
STOPS = 4
OTHERS_WORK_S = 5


class ConsumeStopTest(ConsumeLoad):
    def stop_until_others_work(self, pod):
        """Its partitions go to others, who work on them before it goes on."""
        begin = time.time()
        pod.signal(signal.SIGSTOP)
        kexp_test.wait_until(lambda: self.members() == CONSUMERS - 1, SESSION_MS / 1000 + 30, "the group to go on without it")
        time.sleep(OTHERS_WORK_S)  # what is tested
        pod.signal(signal.SIGCONT)
        kexp_test.wait_until(lambda: self.members() == CONSUMERS, 60, "it to be in the group again")
        self.gives_up("stopped", begin - COMMIT_S, time.time() + REBALANCE_S, pod)

    def test_what_others_have_meanwhile_answered_is_not_lost(self):
        pods = self.start_ready_pods(CONSUMERS)
        self.start_feed()
        self.wait_for_second(10)
        for turn in range(STOPS):
            self.stop_until_others_work(pods[turn % CONSUMERS])
        self.assertTrue(self.feed.running(), "the feed ended before the stops did")
        self.wait_for_the_end()
        for pod in pods:
            self.assertTrue(pod.running(), pod.output())
        figures = self.account(stops=STOPS)
        self.assertEqual(figures["errors"], 0)


if __name__ == "__main__":
    kexp_test.main()
