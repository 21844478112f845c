"""`kexp feed` on a real Kafka: what arrived is what was planned."""

import csv
import json
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import OnTerminal, small_disk
from kexp_test.images import write_images


def rows(file):
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines))


class FeedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        write_images(cls.folder / "images", 6)
        cls.dataset = cls.folder / "images.hdf5"
        done = kexp_test.run(["dataset", "make", "--images", cls.folder / "images", "--out", cls.dataset])
        assert done.returncode == 0, done.stderr

    def topic(self, partitions):
        name = f"input-{self.id().rsplit('.', 1)[1]}"
        self.kafka.create_topic(name, partitions, {"max.message.bytes": "16777216"})
        return name

    def arguments(self, topic, *more):
        return ["feed", "--servers", self.kafka.servers, "--dataset", self.dataset, "--topic", topic,
                "--run", self.folder / topic, *more]

    def consumed(self, topic, count):
        """(partition, offset, key, timestamp, headers) of `count` records, by kcat."""
        done = kexp_test.run(["-b", self.kafka.servers, "-C", "-t", topic, "-o", "beginning", "-c", str(count), "-e", "-q",
                              "-f", "%p\t%o\t%k\t%T\t%h\t%S\n"], program="kcat")
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def test_what_arrived_is_what_was_planned(self):
        topic = self.topic(3)
        done = kexp_test.run(self.arguments(topic, "--max-ips", "40", "--duration", "4", "--breakpoints", "48", "--n-cycles", "1"))
        self.assertIn(done.returncode, (0, 5), done.stderr)  # 5: this machine was too busy for the pacing
        run = self.folder / topic
        sends = rows(run / "sends.csv")
        plan = json.loads((run / "plan.json").read_text())
        self.assertEqual(len(sends), plan["images"])
        self.assertEqual({send["status"] for send in sends}, {"acknowledged"})

        records = self.consumed(topic, plan["images"])
        self.assertEqual(len(records), plan["images"])
        by_place = {(send["partition"], send["offset"]): send for send in sends}
        run_id = json.loads((run / "run.json").read_text())["id"]
        for partition, offset, key, timestamp, headers, size in records:
            send = by_place[(partition, offset)]
            self.assertEqual(key, send["id"])
            self.assertEqual(int(size), int(send["bytes"]))
            self.assertEqual(int(timestamp), int(send["intended_ns"]) // 1_000_000)
            self.assertIn(f"kexp-run={run_id}", headers)
            self.assertIn(f"kexp-intended-ns={send['intended_ns']}", headers)
            self.assertGreaterEqual(int(send["sent_ns"]), int(send["intended_ns"]))
            self.assertGreaterEqual(int(send["acked_ns"]), int(send["sent_ns"]))
        counts = json.loads((run / "run.json").read_text())["counts"]
        self.assertEqual(counts["planned"], counts["sent"])
        self.assertEqual(counts["sent"], counts["acknowledged"])

    def test_ctrl_c_stops_and_marks_the_run(self):
        topic = self.topic(2)
        with kexp_test.Process(self.arguments(topic, "--max-ips", "20", "--profile", "constant", "--duration", "600")) as feed:
            kexp_test.wait_until(lambda: self.sent(topic) > 10, 30, "ten images")
            feed.signal(signal.SIGINT)
            self.assertEqual(feed.wait(15), 130, feed.output())
        last = json.loads((self.folder / topic / "feed.json").read_text().splitlines()[-1])
        self.assertEqual(last["event"], "finished")
        self.assertTrue(last["interrupted"])
        self.assertEqual(last["sent"], last["acknowledged"] + last["failed"] + last["unknown"])
        self.assertEqual(last["planned"], last["sent"] + last["dropped"])
        verdict = json.loads((self.folder / topic / "run.json").read_text())["verdict"]
        self.assertTrue(any("was cut short" in reason for reason in verdict["reasons"]), verdict)
        if not any("later than 100 ms" in reason for reason in verdict["reasons"]):  # This machine was too busy.
            self.assertEqual(verdict["state"], "PARTIAL", verdict)

    def test_kill_leaves_readable_files(self):
        topic = self.topic(2)
        with kexp_test.Process(self.arguments(topic, "--max-ips", "50", "--profile", "constant", "--duration", "600")) as feed:
            kexp_test.wait_until(lambda: self.sent(topic) > 20, 30, "twenty images")
            kexp_test.wait_until(lambda: (self.folder / topic / "seconds.csv").read_text().count("\n") > 3, 30, "three seconds")
            feed.kill()
        sends = rows(self.folder / topic / "sends.csv")[:-1]
        for row in sends:
            self.assertEqual(row["status"], "acknowledged")
        seconds = rows(self.folder / topic / "seconds.csv")
        self.assertEqual([int(row["second"]) for row in seconds], list(range(len(seconds))))
        self.assertEqual({row["planned_images"] for row in seconds}, {"50"})
        counted = sum(int(row["sent_images"]) for row in seconds)
        self.assertGreaterEqual(len(sends), counted - 50)  # sends.csv is up to the last second, too.

    def test_several_threads_play_the_one_plan(self):
        topic = self.topic(3)
        done = kexp_test.run(self.arguments(topic, "--threads", "3", "--max-ips", "60", "--profile", "constant", "--duration", "3"))
        self.assertIn(done.returncode, (0, 5), done.stderr)
        self.assertEqual({record[2] for record in self.consumed(topic, 180)}, {str(i) for i in range(180)})
        last = json.loads((self.folder / topic / "feed.json").read_text().splitlines()[-1])
        self.assertEqual(last["acknowledged"], 180)
        for share in ("generator_cpu", "pacing_cpu"):
            self.assertGreater(last[share], 0)
            self.assertLess(last[share], 1)

    def test_two_shards_feed_one_run_from_one_start(self):
        topic = self.topic(2)
        t0 = time.time() + 6
        flags = ["--t0", f"{t0:.3f}", "--max-ips", "40", "--profile", "constant", "--duration", "2"]
        with kexp_test.Process(self.arguments(topic, "--shard", "1/2", *flags)) as one, \
             kexp_test.Process(self.arguments(topic, "--shard", "2/2", *flags)) as two:
            for shard in (one, two):
                self.assertIn(shard.wait(30), (0, 5), shard.output())
        run = self.folder / topic
        derived = json.loads((run / "run.json").read_text())
        self.assertEqual(derived["counts"]["acknowledged"], 80)
        self.assertEqual([row["id"] for row in rows(run / "sends-2.csv")], [str(i) for i in range(1, 80, 2)])
        records = self.consumed(topic, 80)
        self.assertEqual({record[2] for record in records}, {str(i) for i in range(80)})
        for record in records:
            self.assertIn(f"kexp-run={derived['id']}", record[4])
        first = [int(rows(run / f"sends-{shard}.csv")[0]["sent_ns"]) / 1e9 - t0 for shard in (1, 2)]
        self.assertLess(max(first) - min(first), 0.1 + 1 / 40)  # The second shard's first image is due one gap later.

    def test_the_statistics_of_the_client_are_kept(self):
        topic = self.topic(1)
        done = kexp_test.run(self.arguments(topic, "-X", "statistics.interval.ms=500", "--max-ips", "10", "--profile", "constant",
                                            "--duration", "3"))
        self.assertIn(done.returncode, (0, 5), done.stderr)
        lines = [json.loads(line) for line in (self.folder / topic / "librdkafka.jsonl").read_text().splitlines()]
        self.assertGreaterEqual(len(lines), 3)
        for line in lines:
            self.assertEqual(line["thread"], 0)
            self.assertIn("brokers", line["statistics"])

    def hang_up(self, topic, *more):
        """Feeds for 8 s, takes its terminal away after some images; the log then."""
        feed = OnTerminal(self.arguments(topic, "--max-ips", "20", "--profile", "constant", "--duration", "8", *more))
        self.addCleanup(feed.close)
        kexp_test.wait_until(lambda: self.sent(topic) > 5, 30, "five images")
        feed.hang_up()
        self.assertIn(feed.wait(30), (0, 5))
        self.assertEqual(len(rows(self.folder / topic / "sends.csv")), 160)
        return (self.folder / topic / "log").read_text()

    def test_a_terminal_that_is_gone_does_not_end_it(self):
        self.assertIn("finished", self.hang_up(self.topic(2)))

    # The log stayed empty with json events.
    def test_json_events_go_on_as_text_in_the_log(self):
        log = self.hang_up(self.topic(2), "--progress", "json")
        self.assertRegex(log, r"Z info feed: started ")
        self.assertRegex(log, r"Z info feed: finished ")

    def test_other_partitions_than_asked_are_refused(self):
        topic = self.topic(2)
        done = kexp_test.run(self.arguments(topic, "--partitions", "5"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--partitions is 5", done.stderr)
        self.assertIn("has 2", done.stderr)

    def test_a_property_that_the_producer_refuses_leaves_no_run(self):
        topic = self.topic(1)
        refused = "max.in.flight.requests.per.connection=6"
        done = kexp_test.run(self.arguments(topic, "-X", refused, "--profile", "burst", "--count", "1"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(refused, done.stderr)
        self.assertFalse((self.folder / topic).exists())

    def test_a_missing_topic_is_named(self):
        done = kexp_test.run(self.arguments("nowhere"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--topic: there is no topic nowhere", done.stderr)
        self.assertIn("kexp topics create", done.stderr)

    def test_the_same_role_twice_on_one_run_is_refused(self):
        topic = self.topic(1)
        args = self.arguments(topic, "--profile", "burst", "--count", "3")
        self.assertIn(kexp_test.run(args).returncode, (0, 5))
        again = kexp_test.run(args)
        self.assertEqual(again.returncode, 2, again.stderr)
        self.assertIn("--run", again.stderr)

    def test_a_full_disk_is_named(self):
        topic = self.topic(1)
        small = small_disk(self, self.folder / "small")
        args = self.arguments(topic, "--profile", "burst", "--count", "5000")
        args[args.index("--run") + 1] = small / "run"
        done = kexp_test.run(args)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertIn("small/run", done.stderr)

    def sent(self, topic):
        file = self.folder / topic / "sends.csv"
        return len(file.read_text().splitlines()) - 1 if file.exists() else 0


if __name__ == "__main__":
    kexp_test.main()
