"""Commands on a real Kafka that stops answering or dies, and with terminals that hang up: what they say, and how they end."""

import csv
import json
import shutil
import signal
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import OnTerminal, signal_and_wait, stopped
from kexp_test.images import png, write_images
from kexp_test.pod import Topics, model


def rows(file):
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines))


def last_event(file):
    return json.loads(file.read_text().splitlines()[-1])


class BadInputCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.common = Path(folder.name)
        write_images(cls.common / "images", 6)
        cls.dataset = cls.common / "images.hdf5"
        done = kexp_test.run(["dataset", "make", "--images", cls.common / "images", "--out", cls.dataset])
        assert done.returncode == 0, done.stderr

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.run = self.folder / "run"
        self.topic = self.id().rsplit(".", 1)[1]
        self.kafka.create_topic(self.topic, 2, {"max.message.bytes": "16777216"})
        self.env = {"KAFKA_SERVERS": self.kafka.servers, "KEXP_SD_DIR": self.folder / "sd"}

    def start(self, *args):
        """A process of this run, at work."""
        process = kexp_test.Process([*args, "--topic", self.topic, "--run", self.run], env=self.env)
        self.addCleanup(process.close)
        process.wait_for_line(rf"{args[0]}: started", stream="stderr")
        return process

    def start_feed(self, *args):
        return self.start("feed", "--dataset", self.dataset, "--max-ips", 50, "--profile", "constant", *args)

    def sends(self):
        """What is in sends.csv; a line that is being written does not count."""
        file = self.run / "sends.csv"
        return [row for row in rows(file) if row["status"]] if file.exists() else []

    def wait_for_sends(self, count):
        kexp_test.wait_until(lambda: len(self.sends()) >= count, 30, f"{count} rows in sends.csv")

    def metric(self, pid, name):
        """The value of a metric of a process, found as Prometheus finds it."""
        target = json.loads((self.folder / "sd" / f"{pid}.json").read_text())[0]["targets"][0]
        with urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as page:
            values = [line.split()[-1] for line in page.read().decode().splitlines() if line.startswith(name)]
        return sum(map(float, values))

    def wait_for_metric(self, pid, name, least):
        kexp_test.wait_until(lambda: self.metric(pid, name) >= least, 60, f"{name} to be {least}")

    def produce(self, lines, *args):
        kexp_test.require(shutil.which("kcat"), "no kcat")
        done = kexp_test.run(["-b", self.kafka.servers, "-P", "-t", self.topic, *args], program="kcat", stdin="".join(f"{line}\n" for line in lines))
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_adds_up(self, counts):
        self.assertEqual(counts["planned"], counts["sent"] + counts["dropped"])
        self.assertEqual(counts["sent"], counts["acknowledged"] + counts["failed"] + counts["unknown"])


class SilentBrokerTest(BadInputCase):
    """The broker takes connections and answers nothing, so that whoever drains would wait."""

    def feed_into_silence(self, number):
        """Calls `number` back inside the silence, with a feed that has images in flight."""
        feed = self.start_feed("--duration", 600)
        self.wait_for_sends(5)
        with stopped(self.kafka.pid):
            self.wait_for_metric(feed.pid, "kexp_in_flight_records", 5)
            number(feed)
        return feed

    def test_ctrl_c_ends_a_feed_within_its_bound_and_accounts_for_what_is_in_flight(self):
        def stop(feed):
            feed.signal(signal.SIGINT)
            self.assertEqual(feed.wait(15), 130, feed.output())

        self.feed_into_silence(stop)
        finished = last_event(self.run / "feed.json")
        self.assertEqual((finished["event"], finished["interrupted"]), ("finished", True))
        self.assertGreaterEqual(finished["unknown"] + finished["failed"], 5)  # failed: had not left the feeder yet
        self.assert_adds_up(finished)
        self.assertEqual(sum(row["status"] == "unknown" for row in self.sends()), finished["unknown"])
        verdict = json.loads((self.run / "run.json").read_text())["verdict"]
        self.assertIn(verdict["state"], ("PARTIAL", "INVALID"))

    def stop_twice(self, process, number):
        signal_and_wait(process, number)
        self.assertTrue(process.running(), f"it did not drain: {process.output()}")
        process.signal(number)
        self.assertEqual(process.wait(3), 128 + number, process.output())

    def test_a_second_signal_ends_a_feed_at_once(self):
        self.feed_into_silence(lambda feed: self.stop_twice(feed, signal.SIGTERM))
        self.assertEqual(last_event(self.run / "feed.json")["event"], "sending")
        self.assertGreaterEqual(len(self.sends()), 5)

    def test_a_second_signal_ends_a_tracker_at_once(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            tracker = self.start("track")
            with stopped(self.kafka.pid):
                self.stop_twice(tracker, number)
            self.assertEqual(last_event(self.run / "track.json")["event"], "started")
            self.run = self.folder / "second"

    def test_ctrl_c_ends_a_tracker_within_its_bound(self):
        tracker = self.start("track")
        with stopped(self.kafka.pid):
            tracker.signal(signal.SIGINT)
            self.assertEqual(tracker.wait(30), 0, tracker.output())
        self.assertIn("not drained", tracker.stderr)
        self.assertEqual(last_event(self.run / "track.json")["event"], "finished")

    def test_nothing_starts_and_nothing_is_left(self):
        commands = (["feed", "--dataset", self.dataset, "--run", self.run], ["track", "--run", self.run], ["topics", "describe"])
        with stopped(self.kafka.pid):
            running = [kexp_test.Process(command, env=self.env, cwd=self.folder) for command in commands]
            for process in running:
                with process:
                    self.assertEqual(process.wait(30), 3, process.output())
                    # The last line; librdkafka may have told before of a request without an answer.
                    self.assertRegex(process.stderr, rf"(?m)^kexp: no broker answered at {self.kafka.servers} within .*--servers.*\n\Z")
                    self.assertEqual(process.stdout, "")
        self.assertFalse(self.run.exists())


class DyingBrokerTest(BadInputCase):
    """kill -9 of the broker."""

    def test_a_feed_goes_on_to_its_end_and_is_invalid(self):
        feed = self.start_feed("--duration", 4, "--delivery-timeout", 3)
        self.wait_for_sends(20)
        self.kafka.kill()
        self.addCleanup(self.kafka.restart)
        start = time.monotonic()
        self.assertEqual(feed.wait(30), 5, feed.output())
        self.assertLess(time.monotonic() - start, 20)
        finished = last_event(self.run / "feed.json")
        self.assertEqual((finished["planned"], finished["sent"]), (200, 200))
        self.assertGreater(finished["failed"] + finished["unknown"], 20)
        self.assertGreaterEqual(finished["acknowledged"], 20)
        self.assert_adds_up(finished)
        sends = self.sends()
        self.assertEqual(len(sends), 200)
        self.assertEqual(sum(row["status"].startswith("failed") for row in sends), finished["failed"])
        run = json.loads((self.run / "run.json").read_text())
        self.assertEqual(run["verdict"]["state"], "INVALID")
        self.assertIn(f"{finished['failed']} images were refused by the broker, timed out, or are not in the topic", " ".join(run["verdict"]["reasons"]))
        self.assertRegex(feed.stdout, r"(?m)^verdict +INVALID")

    def test_a_tracker_waits_for_it_and_reads_on(self):
        tracker = self.start("track", "--any-run")
        self.produce(['{"id": "1"}'])
        self.wait_for_metric(tracker.pid, "kexp_results_received_total", 1)
        self.kafka.kill()
        self.kafka.restart()
        kexp_test.wait_until(lambda: self.try_produce('{"id": "2"}'), 30, "the broker to take a message")
        self.wait_for_metric(tracker.pid, "kexp_results_received_total", 2)
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), 0, tracker.output())

    def try_produce(self, line):
        return kexp_test.run(["-b", self.kafka.servers, "-P", "-t", self.topic], program="kcat", stdin=line + "\n").returncode == 0


class MessageTest(BadInputCase):
    def test_a_tracker_counts_what_is_no_answer(self):
        tracker = self.start("track")
        self.produce(["no JSON", '{"id": "4", "timest', "[]", '{"timestamps": 7}'])
        self.produce(["="], "-K", "=", "-Z")  # no value at all
        self.wait_for_metric(tracker.pid, "kexp_results_invalid_total", 5)
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), 0, tracker.output())
        self.assertRegex(tracker.stderr, rf"track: invalid topic={self.topic} partition=\d+ offset=\d+ text=")
        self.assertRegex(tracker.stdout, r"(?m)^invalid +5$")


class GoneTerminalTest(BadInputCase):
    def on_terminal(self, *args, env=None):
        process = OnTerminal(args, env={**self.env, **(env or {})}, cwd=self.folder)
        self.addCleanup(process.close)
        kexp_test.wait_until((self.folder / "sd" / f"{process.pid}.json").exists, 60, "its metrics endpoint")
        return process

    def test_a_tracker_goes_on(self):
        tracker = self.on_terminal("track", "--topic", self.topic, "--run", self.run)
        self.produce(["before"])
        self.wait_for_metric(tracker.pid, "kexp_results_invalid_total", 1)
        tracker.hang_up()
        self.produce(["after"])
        self.wait_for_metric(tracker.pid, "kexp_results_invalid_total", 2)
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), 0)
        self.assertIn("track: finished", (self.run / "log").read_text())
        self.assertEqual(last_event(self.run / "track.json")["event"], "finished")

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
