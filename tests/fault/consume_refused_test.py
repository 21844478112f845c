"""A broker that refuses answers for 20 s: no image is lost, and what can be sent again is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from consume_load import ConsumeLoad
from kexp_test.stack import alter_topic

CONSUMERS = 2
REFUSED_S = 20
BEGIN_S = 30
FAILED = 1  # exit code


class ConsumeRefusedTest(ConsumeLoad):
    def set_output_topic(self, **settings):
        alter_topic(self.kafka.servers, self.topics.output, {name.replace("_", "."): value for name, value in settings.items()})

    # An answer is refused as older than the topic takes it, by the milliseconds that it is on its way. It may pass later: the pods keep
    # it, stop fetching, and stay in their group, which would throw them out after 10 s without a poll.
    def test_answers_that_may_pass_later_are_sent_again(self):
        pods = [self.start_pod("-X", "max.poll.interval.ms=10000") for _ in range(CONSUMERS)]
        for pod in pods:
            pod.wait_ready()
        self.start_feed()
        self.wait_for_second(BEGIN_S)
        before = self.sum_of(pods, "kexp_answers_acknowledged_total")
        self.set_output_topic(message_timestamp_before_max_ms="0")
        self.wait_for_second(BEGIN_S + REFUSED_S)
        acknowledged = self.sum_of(pods, "kexp_answers_acknowledged_total") - before
        self.set_output_topic(message_timestamp_before_max_ms=None)
        self.wait_for_the_end()
        for pod in pods:
            self.assertTrue(pod.running(), pod.output())
        figures = self.account(acknowledged_while_refused=acknowledged, resent=self.sum_of(pods, "kexp_answers_resent_total"))
        self.assertGreater(figures["resent"], 0)
        self.assertEqual(figures["errors"], 0)

    def sum_of(self, pods, metric):
        return sum(int(pod.metric(metric) or 0) for pod in pods)

    # No answer fits, not even one that only says so: the pods end with that reason, and are started again.
    def test_pods_that_end_since_no_answer_is_taken_lose_nothing(self):
        pods = self.start_ready_pods(CONSUMERS)
        self.start_feed()
        self.wait_for_second(BEGIN_S)
        self.set_output_topic(max_message_bytes="1")
        ends = 0
        for second in range(BEGIN_S, BEGIN_S + REFUSED_S):
            self.wait_for_second(second)
            ends += self.restart_ended(pods, FAILED)
        self.set_output_topic(max_message_bytes=None)
        self.wait_for_second(BEGIN_S + REFUSED_S + 10)  # the last ones that were refused end
        ends += self.restart_ended(pods, FAILED)
        self.wait_for_the_end()
        for pod in pods:
            self.assertTrue(pod.running(), pod.output())
        self.assertTrue(any("MSG_SIZE_TOO_LARGE" in pod.stderr for pod in self.pods))
        self.account(ends=ends)
        self.assertGreater(ends, 0)


if __name__ == "__main__":
    kexp_test.main()
