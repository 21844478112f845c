"""A broker that refuses answers for 20 s: the consumers keep them and send them again, and no image is lost or begins anew."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from consume_load import ConsumeLoad

CONSUMERS = 2
REFUSED_S = 20
BEGIN_S = 30


class ConsumeRefusedTest(ConsumeLoad):
    def refuse_answers(self, **settings):
        """What became of the images of a run in which the output topic had such settings for 20 s. The pods keep what it refuses, stop
        fetching, and stay in their group, which would throw them out after 10 s without a poll."""
        pods = [self.start_pod("-X", "max.poll.interval.ms=10000") for _ in range(CONSUMERS)]
        for pod in pods:
            pod.wait_ready()
        self.start_feed()
        self.wait_for_second(BEGIN_S)
        before = self.sum_of(pods, "kexp_answers_acknowledged_total")
        with self.refusing_answers(**settings):
            self.wait_for_second(BEGIN_S + REFUSED_S)
            acknowledged = self.sum_of(pods, "kexp_answers_acknowledged_total") - before
        self.wait_for_the_end()
        for pod in pods:
            self.assertTrue(pod.running(), pod.output())
        self.assertTrue(any("consume: refused=" in pod.stderr for pod in pods))
        figures = self.account(acknowledged_while_refused=acknowledged, resent=self.sum_of(pods, "kexp_answers_resent_total"))
        self.assertGreater(figures["resent"], 0)
        return figures

    def sum_of(self, pods, metric):
        return sum(int(pod.metric(metric) or 0) for pod in pods)

    # An answer is refused as older than the topic takes it, by the milliseconds that it is on its way.
    def test_answers_that_are_refused_for_their_time_are_sent_again(self):
        figures = self.refuse_answers(message_timestamp_before_max_ms="0")
        self.assertEqual(figures["errors"], 0)

    # No answer fits, not even one that only says so. The pods ended for that, were started again, and ended again.
    def test_answers_that_no_size_would_fit_wait_for_the_topic(self):
        figures = self.refuse_answers(max_message_bytes="1")
        self.assertLess(figures["errors"], 50)  # of 512 that wait: those whose turn it is to be shortened when the topic takes them again


if __name__ == "__main__":
    kexp_test.main()
