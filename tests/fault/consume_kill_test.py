"""Consumers that are killed, and a broker that is: no image is lost."""

import itertools
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from consume_load import ConsumeLoad

CONSUMERS = 3
SECONDS_BETWEEN_KILLS = 10
BROKER_DIES_AT_KILLS = (3, 6)
UNAVAILABLE = 3  # the exit code of a pod that starts and finds no broker for 30 s: a busy machine may take as long to start one


class ConsumeKillTest(ConsumeLoad):
    def test_consumers_killed_in_turn_and_a_broker_killed_twice_lose_nothing(self):
        pods = self.start_ready_pods(CONSUMERS)
        self.start_feed()
        kills = restarts = 0
        for turn in itertools.cycle(range(CONSUMERS)):
            if not self.wait_for_second((kills + 1) * SECONDS_BETWEEN_KILLS):
                break
            restarts += self.restart_ended(pods, UNAVAILABLE)
            self.kill(pods[turn])
            pods[turn] = self.start_pod()
            kills += 1
            if kills in BROKER_DIES_AT_KILLS:
                self.kill_broker()
        restarts += self.restart_ended(pods, UNAVAILABLE)
        self.wait_for_the_end()
        for pod in pods:
            self.assertTrue(pod.running(), pod.output())
        self.account(kills=kills, broker_kills=len(BROKER_DIES_AT_KILLS), restarts=restarts)
        self.assertGreater(kills, max(BROKER_DIES_AT_KILLS))


if __name__ == "__main__":
    kexp_test.main()
