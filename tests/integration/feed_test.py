"""`kexp feed` on a real Kafka: what arrived is what was planned."""

import json
import signal
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import OnTerminal, small_disk


class FeedTest(kexp_test.BrokerCase):
    def test_what_arrived_is_what_was_planned(self):
        self.create_topic(3)
        self.feeds("--max-ips", "40", "--duration", "4", "--breakpoints", "48", "--n-cycles", "1")
        sends = self.fed.sends()
        plan = self.fed.json("plan.json")
        self.assertEqual(len(sends), plan["images"])
        self.assertEqual({send["status"] for send in sends}, {"acknowledged"})

        records = self.kafka.records(self.topic, "%p\t%o\t%k\t%T\t%h\t%S")
        self.assertEqual(len(records), plan["images"])
        by_place = {(send["partition"], send["offset"]): send for send in sends}
        run_id = self.fed.json("run.json")["id"]
        for partition, offset, key, timestamp, headers, size in records:
            send = by_place[(int(partition), offset)]
            self.assertEqual(int(key), send["id"])
            self.assertEqual(int(size), send["bytes"])
            self.assertEqual(int(timestamp), send["intended_ns"] // 1_000_000)
            self.assertIn(f"kexp-run={run_id}", headers)
            self.assertIn(f"kexp-intended-ns={send['intended_ns']}", headers)
            self.assertGreaterEqual(send["sent_ns"], send["intended_ns"])
            self.assertGreaterEqual(send["acked_ns"], send["sent_ns"])
        counts = self.fed.counts()
        self.assertEqual(counts["planned"], counts["sent"])
        self.assertEqual(counts["sent"], counts["acknowledged"])

    # It printed all of run.json, and not where that is.
    def test_json_tells_what_it_did_and_where(self):
        self.create_topic()
        result = json.loads(self.feeds("--json", "--profile", "burst", "--count", "20").stdout)
        run = self.fed.json("run.json")
        self.assertEqual((result["run"], result["directory"]), (run["id"], str(self.fed.path)))
        self.assertEqual((result["role"], result["part"], result["interrupted"]), ("feed", "1/1", False))
        finished = self.fed.last("finished")
        self.assertEqual(result["counts"], {name: finished[name] for name in result["counts"]})
        self.assertEqual(result["counts"]["acknowledged"], 20)
        self.assertIn(result["verdict"]["state"], ("VALID", "PERTURBED"))
        self.assertEqual(result["run_verdict"], {name: run["verdict"][name] for name in ("state", "reasons")})

    def test_ctrl_c_stops_and_marks_the_run(self):
        self.create_topic()
        feed = self.start_feed("--max-ips", "20", "--profile", "constant", "--duration", "600")
        self.fed.wait_for_sends(10)
        feed.signal(signal.SIGINT)
        self.assertEqual(feed.wait(30), 130, feed.output())
        self.assertRegex(feed.output(), r"(?m)^dropped +[1-9]\d*$")
        last = self.fed.last("finished")
        self.assertTrue(last["interrupted"])
        self.assertEqual(last["sent"], last["acknowledged"] + last["failed"] + last["unknown"])
        self.assertEqual(last["planned"], last["sent"] + last["dropped"])
        self.assertIn("was cut short", self.fed.reasons())
        if "later than 100 ms" not in self.fed.reasons():  # This machine was too busy.
            self.assertEqual(self.fed.verdict()["state"], "PARTIAL", self.fed.verdict())
            self.assertRegex(feed.output(), r"(?m)^feed +PARTIAL$")

    def test_several_threads_play_the_one_plan(self):
        self.create_topic(3)
        self.feeds("--threads", "3", "--max-ips", "60", "--profile", "constant", "--duration", "3")
        self.assertEqual({key for key, in self.kafka.records(self.topic, "%k")}, {str(i) for i in range(180)})
        last = self.fed.last("finished")
        self.assertEqual(last["acknowledged"], 180)
        for share in ("generator_cpu", "pacing_cpu"):
            self.assertGreater(last[share], 0)
            self.assertLess(last[share], 1)

    def test_the_statistics_of_the_client_are_kept(self):
        self.create_topic(1)
        self.feeds("-X", "statistics.interval.ms=500", "--max-ips", "10", "--profile", "constant", "--duration", "3")
        lines = [json.loads(line) for line in (self.fed.path / "librdkafka.jsonl").read_text().splitlines()]
        self.assertGreaterEqual(len(lines), 3)
        for line in lines:
            self.assertEqual(line["thread"], 0)
            self.assertIn("brokers", line["statistics"])

    def hang_up(self, *more):
        """Takes the terminal of a feed away; the log then."""
        self.create_topic()
        feed = OnTerminal(self.feed_arguments("--max-ips", "20", "--profile", "constant", "--duration", "5", *more))
        self.addCleanup(feed.close)
        self.fed.wait_for_sends(5)
        feed.hang_up()
        self.assertIn(feed.wait(), (0, 5))
        self.assertEqual(len(self.fed.sends()), 100)
        return (self.fed.path / "log").read_text()

    def test_a_terminal_that_is_gone_does_not_end_it(self):
        self.assertIn("finished", self.hang_up())

    # The log stayed empty with json events.
    def test_json_events_go_on_as_text_in_the_log(self):
        log = self.hang_up("--progress", "json")
        self.assertRegex(log, r"Z info feed: started ")
        self.assertRegex(log, r"Z info feed: finished ")

    # A line of the log came first.
    def test_beside_json_events_there_is_nothing_but_json(self):
        self.create_topic()
        done = self.feeds("--progress", "json", "--profile", "burst", "--count", "3")
        events = [json.loads(line) for line in done.stderr.splitlines()]
        logged = [event for event in events if event["event"] == "log"]
        self.assertTrue([event for event in logged if event["level"] == "info" and "dataset_mb=" in event["text"]], events)
        self.assertEqual([event["event"] for event in events if event["part"] == "feed"][0], "started")
        self.assertRegex((self.fed.path / "log").read_text(), r"(?m)^\S+Z info feed: dataset_mb=")

    # Nobody knew which port was free.
    def test_says_where_its_metrics_are(self):
        self.create_topic()
        feed = self.start_feed("--max-ips", "20", "--profile", "constant", "--duration", "60")
        url = feed.wait_for_line(r"feed: started .* metrics=(http://127\.0\.0\.1:\d+/metrics)$").group(1)

        def shown():
            with urllib.request.urlopen(url, timeout=10) as answer:
                return "kexp_planned_records 1200" in answer.read().decode()

        kexp_test.wait_until(shown, 30, "the plan's records, which are counted once the line is out")

    def test_other_partitions_than_asked_are_refused(self):
        self.create_topic(2)
        done = self.run_feed("--partitions", "5")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--partitions is 5", done.stderr)
        self.assertIn("has 2", done.stderr)

    def test_a_property_that_the_producer_refuses_leaves_no_run(self):
        self.create_topic(1)
        refused = "max.in.flight.requests.per.connection=6"
        done = self.run_feed("-X", refused, "--profile", "burst", "--count", "1")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(refused, done.stderr)
        self.assertFalse(self.fed.path.exists())

    def test_a_missing_topic_is_named(self):
        done = self.run_feed(topic="nowhere")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--topic: there is no topic nowhere", done.stderr)
        self.assertIn("kexp topics create --input-topic nowhere --partitions N\n", done.stderr)

    def test_the_same_role_twice_on_one_run_is_refused(self):
        self.create_topic(1)
        burst = ("--profile", "burst", "--count", "3")
        self.feeds(*burst)
        again = self.run_feed(*burst)
        self.assertEqual(again.returncode, 2, again.stderr)
        self.assertIn("--run", again.stderr)

    def test_a_full_disk_is_named(self):
        self.create_topic(1)
        run = small_disk(self, self.folder / "small") / "run"
        done = kexp_test.run(self.feed_arguments("--profile", "burst", "--count", "5000", run=run))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertIn("small/run", done.stderr)


if __name__ == "__main__":
    kexp_test.main()
