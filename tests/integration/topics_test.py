"""`kexp topics` on a real Kafka, and without one."""

import collections
import csv
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import write_images


class TopicsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()

    def setUp(self):
        name = self.id().rsplit(".", 1)[1]
        self.input, self.output = f"in-{name}", f"out-{name}"
        self.env = {"KAFKA_SERVERS": self.kafka.servers, "KAFKA_INPUT_TOPIC": self.input, "KAFKA_OUTPUT_TOPIC": self.output}

    def topics(self, *args):
        return kexp_test.run(["topics", *args], env=self.env)

    def described(self):
        done = self.topics("describe", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def lag(self, *args):
        done = self.topics("lag", "--json", *args)
        return done.returncode, json.loads(done.stdout)

    def send(self, partition, lines):
        done = kexp_test.run(["-b", self.kafka.servers, "-P", "-t", self.input, "-p", str(partition)], program="kcat",
                             stdin="".join(f"{line}\n" for line in lines))
        self.assertEqual(done.returncode, 0, done.stderr)

    def process(self, count):
        """Reads `count` records in the name of the consumers, and commits them."""
        done = kexp_test.run(["-b", self.kafka.servers, "-G", f"{self.input}.consumers", "-X", "auto.offset.reset=earliest",
                              "-c", str(count), self.input], program="kcat")
        self.assertEqual(done.returncode, 0, done.stderr)

    def feeding(self, run):
        """A feed of 20 images a second."""
        images, dataset = run.parent / "images", run.parent / "images.hdf5"
        write_images(images, 6)
        made = kexp_test.run(["dataset", "make", "--images", images, "--out", dataset])
        self.assertEqual(made.returncode, 0, made.stderr)
        return kexp_test.Process(["feed", "--servers", self.kafka.servers, "--topic", self.input, "--dataset", dataset, "--run", run,
                                  "--profile", "constant", "--max-ips", "20", "--duration", "60"])

    def test_creates_both_topics_and_describes_them(self):
        done = self.topics("create", "--partitions", 3)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"{self.input}: 3 partitions, created\n{self.output}: 1 partition, created\n")
        images, results = self.described()
        self.assertEqual((len(images["partitions"]), len(results["partitions"])), (3, 1))
        for topic in images, results:
            self.assertEqual(topic["max_message_bytes"], 16 * 1024 * 1024)
            self.assertEqual(topic["timestamp_type"], "CreateTime")
            self.assertEqual(topic["warnings"], [])
            self.assertTrue(all(partition["leader"] is not None for partition in topic["partitions"]))

        again = self.topics("create", "--partitions", 3)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn(f"{self.input}: 3 partitions, exists already", again.stdout)

    def test_refuses_another_number_of_partitions_unless_reset(self):
        self.assertEqual(self.topics("create", "--partitions", 3).returncode, 0)
        refused = self.topics("create", "--partitions", 4)
        self.assertEqual(refused.returncode, 2)
        self.assertRegex(refused.stderr, r"exists with 3 partitions, wanted 4.*--reset")
        refused = self.topics("create", "--partitions", 3, "--output-partitions", 2)
        self.assertEqual(refused.returncode, 2)
        self.assertRegex(refused.stderr, rf"{self.output} exists with 1 partition, wanted 2")
        self.send(0, ["a", "b"])
        asked = self.topics("create", "--partitions", 4, "--reset", "--force")
        self.assertEqual(asked.returncode, 2)
        self.assertIn(f"{self.input}: 3 partitions, 2 records, 2 of them not processed", asked.stderr)
        self.assertIn("--yes", asked.stderr)
        self.assertEqual(self.described()[0]["records"], 2)

        done = self.topics("create", "--partitions", 4, "--reset", "--yes", "--force")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((len(self.described()[0]["partitions"]), self.described()[0]["records"]), (4, 0))

    def test_asks_on_a_terminal(self):
        self.assertEqual(self.topics("create", "--partitions", 2).returncode, 0)
        for answer, code, text in ((b"n\n", 1, b"nothing was deleted"), (b"y\n", 0, b"")):
            terminal, side = pty.openpty()
            reset = subprocess.Popen([kexp_test.kexp_binary(), "topics", "reset"], stdin=side, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, env=kexp_test.clean_environment(self.env))
            os.close(side)
            os.write(terminal, answer)
            _, stderr = reset.communicate(timeout=60)
            os.close(terminal)
            self.assertEqual(reset.returncode, code, stderr)
            self.assertIn(text, stderr)

    def test_ctrl_c_at_the_question_deletes_nothing(self):
        self.assertEqual(self.topics("create", "--partitions", 2).returncode, 0)
        terminal, side = pty.openpty()
        self.addCleanup(os.close, terminal)
        reset = subprocess.Popen([kexp_test.kexp_binary(), "topics", "reset"], stdin=side, stderr=subprocess.PIPE,
                                 env=kexp_test.clean_environment(self.env))
        os.close(side)
        asked = b""
        while b"delete? [y/N]" not in asked:
            asked += os.read(reset.stderr.fileno(), 1000) or self.fail(f"it did not ask: {asked}")
        reset.send_signal(signal.SIGINT)
        _, stderr = reset.communicate(timeout=60)
        self.assertEqual(reset.returncode, 130, stderr)
        self.assertIn(b"nothing was deleted", stderr)
        self.assertEqual(len(self.described()[0]["partitions"]), 2)

    def test_reset_keeps_the_number_of_partitions(self):
        self.assertEqual(self.topics("create", "--partitions", 5).returncode, 0)
        self.send(1, ["a"])
        self.process(1)
        done = self.topics("reset", "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{self.input}: 5 partitions, created", done.stdout)
        self.assertEqual(self.described()[0]["records"], 0)

    def test_reset_is_refused_while_a_consumer_runs(self):
        self.assertEqual(self.topics("create", "--partitions", 2).returncode, 0)
        group = f"{self.input}.consumers"
        with kexp_test.Process(["-b", self.kafka.servers, "-G", group, "-X", "client.id=pod-a", self.input], program="kcat"):
            kexp_test.wait_until(lambda: self.lag()[1]["state"] == "Stable", 60, "the consumer to join")
            owners = {partition["consumer"] for partition in self.lag()[1]["partitions"]}
            self.assertEqual(owners, {"pod-a"})
            refused = self.topics("reset", "--yes")
            self.assertEqual(refused.returncode, 2)
            self.assertRegex(refused.stderr, "1 running consumer .pod-a.*--force")
            forced = self.topics("reset", "--yes", "--force")
            self.assertEqual(forced.returncode, 0, forced.stderr)

    def test_reset_is_refused_while_images_are_not_processed(self):
        self.assertEqual(self.topics("create", "--partitions", 2).returncode, 0)
        self.send(0, ["a", "b", "c"])
        self.process(2)
        for command in (["reset"], ["create", "--partitions", 2, "--reset"]):
            refused = self.topics(*command, "--yes")
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertRegex(refused.stderr, f"1 of 3 records in {self.input} not processed.*--force")
        self.assertEqual(self.described()[0]["records"], 3)

    def test_reset_is_refused_while_somebody_feeds(self):
        self.assertEqual(self.topics("create", "--partitions", 2).returncode, 0)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        run = Path(folder.name) / "run"
        with self.feeding(run) as feeding:
            kexp_test.wait_until(lambda: self.described()[0]["records"] > 0, 60, "the first image")
            for command in (["reset"], ["create", "--partitions", 2, "--reset"]):
                refused = self.topics(*command, "--yes")
                self.assertEqual(refused.returncode, 2, refused.stderr)
                self.assertRegex(refused.stderr, f"records came to {self.input} within 1.0 s.*--force")
            feeding.signal(signal.SIGTERM)
            self.assertEqual(feeding.wait(), 130, feeding.output())
        with open(run / "sends.csv", newline="") as lines:
            count = collections.Counter(row["status"] for row in csv.DictReader(lines))
        # Of unknown ones, which a busy broker did not answer before the feed's end, nobody can tell.
        self.assertIn(self.described()[0]["records"], range(count["acknowledged"], count["acknowledged"] + count["unknown"] + 1))

    def test_lag_counts_what_is_not_committed_and_waits_for_zero(self):
        self.assertEqual(self.topics("create", "--partitions", 2).returncode, 0)
        self.send(0, ["a", "b"])
        self.send(1, ["c"])
        code, lag = self.lag()
        self.assertEqual((code, lag["lag"], [partition["lag"] for partition in lag["partitions"]]), (0, 3, [2, 1]))
        self.assertIsNone(lag["partitions"][0]["committed"])

        start = time.monotonic()
        code, lag = self.lag("--until-zero", "--timeout", 1)
        self.assertEqual((code, lag["lag"]), (4, 3))
        self.assertLess(time.monotonic() - start, 30)

        with kexp_test.Process(["-b", self.kafka.servers, "-G", "readers", "-X", "auto.offset.reset=earliest", self.input],
                               program="kcat"):
            code, lag = self.lag("--group", "readers", "--until-zero", "--timeout", 30)
        self.assertEqual((code, lag["lag"]), (0, 0))

    # A group that was mistyped was called dead, with exit code 0.
    def test_a_group_that_is_named_and_not_there_is_an_error(self):
        self.assertEqual(self.topics("create", "--partitions", 2).returncode, 0)
        self.send(0, ["a"])
        for args in ([], ["--until-zero", "--timeout", 1]):
            done = self.topics("lag", "--group", "typo", *args)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertRegex(done.stderr, rf"--group: there is no group typo .*{self.input}\.consumers")
        done = self.topics("lag")  # Its consumers may be still to come.
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"group {self.input}.consumers is not there, 0 members, lag 1", done.stdout)
        self.process(1)
        code, lag = self.lag("--group", f"{self.input}.consumers")  # Nobody is in it any more.
        self.assertEqual((code, lag["state"], lag["members"]), (0, "Empty", 0))

    def test_warns_of_settings_that_spoil_an_experiment(self):
        self.kafka.create_topic(self.input, 1, {"max.message.bytes": "1000000", "message.timestamp.type": "LogAppendTime"})
        self.kafka.create_topic(self.output, 1)
        done = self.topics("describe")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("message.timestamp.type is LogAppendTime", done.stderr)
        self.assertIn("max.message.bytes is 1000000", done.stderr)

    def test_missing_topic_names_the_command_that_creates_it(self):
        for command in ("describe", "lag", "reset"):
            done = self.topics(command)
            self.assertEqual(done.returncode, 2, command)
            self.assertIn(f"--input-topic: there is no topic {self.input}: create it by kexp topics create", done.stderr)


class NoBrokerTest(unittest.TestCase):
    def test_every_command_ends_soon_and_names_the_servers(self):
        servers = f"127.0.0.1:{kexp_test.free_port()}"
        commands = (["describe"], ["lag"], ["create", "--partitions", "1"], ["reset", "--yes"])
        start = time.monotonic()
        running = [kexp_test.Process(["topics", *command], env={"KAFKA_SERVERS": servers}) for command in commands]
        for process in running:
            with process:
                self.assertEqual(process.wait(), 3, process.output())
                self.assertIn(f"no broker answered at {servers}", process.stderr)
                self.assertIn("--servers", process.stderr)
                self.assertRegex(process.stderr, r"Connection refused\n")
        self.assertLess(time.monotonic() - start, 30)


if __name__ == "__main__":
    kexp_test.main()
