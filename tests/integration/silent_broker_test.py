"""Commands on a real Kafka that stops answering: what they say, and how they end."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import signal_and_wait, stopped
from kexp_test.feeding import FedRun
from kexp_test.main_path import MainPathCase


class SilentBrokerTest(MainPathCase):
    """The broker takes connections and answers nothing, so that whoever drains would wait."""

    def feed_into_silence(self, number):
        """Calls `number` back inside the silence, with a feed that has images in flight."""
        feed = self.start_feed("--duration", 600)
        self.fed.wait_for_sends(5)
        with stopped(self.kafka.pid):
            self.wait_for_metric(feed.pid, "kexp_in_flight_records", 5)
            number(feed)
        return feed

    def test_ctrl_c_ends_a_feed_within_its_bound_and_accounts_for_what_is_in_flight(self):
        def stop(feed):
            feed.signal(signal.SIGINT)
            self.assertEqual(feed.wait(30), 130, feed.output())

        self.feed_into_silence(stop)
        finished = self.last_event()
        self.assertEqual((finished["event"], finished["interrupted"]), ("finished", True))
        self.assertGreaterEqual(finished["unknown"] + finished["failed"], 5)  # failed: had not left the feeder yet
        self.assert_adds_up(finished)
        self.assertEqual(sum(row["status"] == "unknown" for row in self.fed.sends()), finished["unknown"])
        verdict = self.fed.verdict()
        self.assertIn(verdict["state"], ("PARTIAL", "INVALID"))

    def stop_twice(self, process, number):
        signal_and_wait(process, number)
        self.assertTrue(process.running(), f"it did not drain: {process.output()}")
        self.assertEqual(process.insist(number), 128 + number, process.output())

    def test_a_second_signal_ends_a_feed_at_once(self):
        self.feed_into_silence(lambda feed: self.stop_twice(feed, signal.SIGTERM))
        self.assertEqual(self.last_event()["event"], "sending")
        self.assertGreaterEqual(len(self.fed.sends()), 5)

    def test_a_second_signal_ends_a_tracker_at_once(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            tracker = self.start("track")
            with stopped(self.kafka.pid):
                self.stop_twice(tracker, number)
            self.assertEqual(self.last_event("track")["event"], "reading")
            self.fed = FedRun(self.own / "second")

    def test_ctrl_c_ends_a_tracker_within_its_bound(self):
        tracker = self.start("track")
        with stopped(self.kafka.pid):
            tracker.signal(signal.SIGINT)
            self.assertEqual(tracker.wait(), 0, tracker.output())
        self.assertIn("not drained", tracker.stderr)
        self.assertEqual(self.last_event("track")["event"], "finished")

    def test_nothing_starts_and_nothing_is_left(self):
        commands = (["feed", "--dataset", self.dataset, "--run", self.fed.path], ["track", "--run", self.fed.path], ["topics", "describe"])
        with stopped(self.kafka.pid):
            running = [kexp_test.Process(command, env=self.env, cwd=self.own) for command in commands]
            for process in running:
                with process:
                    self.assertEqual(process.wait(), 3, process.output())
                    # The last line; librdkafka may have told before of a request without an answer.
                    self.assertRegex(process.stderr, rf"(?m)^kexp: no broker answered at {self.kafka.servers} within .*--servers.*\n\Z")
                    self.assertEqual(process.stdout, "")
        self.assertFalse(self.fed.path.exists())


if __name__ == "__main__":
    kexp_test.main()
