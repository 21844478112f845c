"""Commands on a real Kafka that dies, with messages that are no answers and terminals that hang up: what they say, and how they end."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import OnTerminal
from kexp_test.images import png
from kexp_test.main_path import MainPathCase
from kexp_test.pod import Topics, model


class DyingBrokerTest(MainPathCase):
    """kill -9 of the broker."""

    def test_a_feed_goes_on_to_its_end_and_is_invalid(self):
        feed = self.start_feed("--duration", 4, "--delivery-timeout", 3)
        self.fed.wait_for_sends(20)
        self.kafka.kill()
        self.addCleanup(self.kafka.restart)
        self.assertEqual(feed.wait(), 5, feed.output())
        finished = self.last_event()
        self.assertEqual((finished["planned"], finished["sent"]), (200, 200))
        self.assertGreater(finished["failed"] + finished["unknown"], 20)
        self.assertGreaterEqual(finished["acknowledged"], 20)
        self.assert_adds_up(finished)
        sends = self.fed.sends()
        self.assertEqual(len(sends), 200)
        self.assertEqual(sum(row["status"].startswith("failed") for row in sends), finished["failed"])
        self.assertEqual(self.fed.verdict()["state"], "INVALID")
        self.assertIn(f"{finished['failed']} images were refused by the broker, timed out, had not left a feed that gave up, or are not in the topic", self.fed.reasons())
        self.assertRegex(feed.stdout, r"(?m)^verdict +INVALID")

    def test_a_tracker_waits_for_it_and_reads_on(self):
        tracker = self.start("track", "--any-run")
        self.produce(['{"id": "1"}'])
        self.wait_for_metric(tracker.pid, "kexp_results_received_total", 1)
        self.kafka.kill()
        self.kafka.restart()
        kexp_test.wait_until(lambda: self.try_produce('{"id": "2"}'), 60, "the broker to take a message")
        self.wait_for_metric(tracker.pid, "kexp_results_received_total", 2)
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), 0, tracker.output())

    def try_produce(self, line):
        return kexp_test.run(["-b", self.kafka.servers, "-P", "-t", self.topic], program="kcat", stdin=line + "\n").returncode == 0


class MessageTest(MainPathCase):
    def test_a_tracker_counts_what_is_no_answer(self):
        tracker = self.start("track")
        self.produce(["no JSON", '{"id": "4", "timest', "[]", '{"timestamps": 7}'])
        self.produce(["="], "-K", "=", "-Z")  # no value at all
        self.wait_for_metric(tracker.pid, "kexp_results_invalid_total", 5)
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), 0, tracker.output())
        self.assertRegex(tracker.stderr, rf"track: invalid topic={self.topic} partition=\d+ offset=\d+ text=")
        self.assertRegex(tracker.stdout, r"(?m)^invalid +5$")


class GoneTerminalTest(MainPathCase):
    def on_terminal(self, *args, env=None):
        process = OnTerminal(args, env={**self.env, **(env or {})}, cwd=self.own)
        self.addCleanup(process.close)
        kexp_test.wait_until((self.own / "sd" / f"{process.pid}.json").exists, 60, "its metrics endpoint")
        return process

    def test_a_tracker_goes_on(self):
        tracker = self.on_terminal("track", "--topic", self.topic, "--run", self.fed.path)
        self.produce(["before"])
        self.wait_for_metric(tracker.pid, "kexp_results_invalid_total", 1)
        tracker.hang_up()
        self.produce(["after"])
        self.wait_for_metric(tracker.pid, "kexp_results_invalid_total", 2)
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), 0)
        self.assertIn("track: finished", (self.fed.path / "log").read_text())
        self.assertEqual(self.last_event("track")["event"], "finished")

    def test_a_consumer_goes_on(self):
        topics = Topics(self.kafka, self.topic)
        consumer = self.on_terminal("consume", *topics.arguments(), env={"YOLO_MODEL": model()})
        topics.send("before", png(64, 48, (1, 2, 3)))
        topics.wait_for_ids(["before"])
        consumer.hang_up()
        topics.send("after", png(64, 48, (3, 2, 1)))
        topics.wait_for_ids(["before", "after"])
        consumer.signal(signal.SIGTERM)
        self.assertEqual(consumer.wait(), 0)


if __name__ == "__main__":
    kexp_test.main()
