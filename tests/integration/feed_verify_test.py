"""`kexp feed verify` on a real Kafka: what is in the topic settles what the files do not tell."""

import csv
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import write_images


def rows(file):
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines))


class FeedVerifyTest(unittest.TestCase):
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

    def setUp(self):
        self.topic = f"input-{self.id().rsplit('.', 1)[1]}"
        self.run_dir = self.folder / self.topic
        self.kafka.create_topic(self.topic, 3, {"max.message.bytes": "16777216"})

    def arguments(self, *more):
        return ["feed", "--servers", self.kafka.servers, "--dataset", self.dataset, "--topic", self.topic, "--run", self.run_dir, *more]

    def verify(self, *more):
        done = kexp_test.run(["feed", "verify", self.run_dir, "--servers", self.kafka.servers, "--json", *more])
        self.assertIn(done.returncode, (0, 5), done.stderr)
        return done.returncode, json.loads(done.stdout)

    def in_topic(self):
        """{id: (partition, offset)} of the run, as kcat sees it."""
        done = kexp_test.run(["-b", self.kafka.servers, "-C", "-t", self.topic, "-o", "beginning", "-e", "-q", "-f", "%k\t%p\t%o\n"],
                             program="kcat")
        self.assertEqual(done.returncode, 0, done.stderr)
        return {line.split("\t")[0]: tuple(line.split("\t")[1:]) for line in done.stdout.splitlines()}

    def test_every_figure_of_a_run_holds(self):
        # What another run left in the topic before is none of its business.
        first = kexp_test.run([*self.arguments()[:-1], self.folder / "before", "--profile", "burst", "--count", "30"])
        self.assertIn(first.returncode, (0, 5), first.stderr)
        fed = kexp_test.run(self.arguments("--max-ips", "60", "--duration", "4", "--breakpoints", "8", "--n-cycles", "1", "--threads", "2"))
        self.assertIn(fed.returncode, (0, 5), fed.stderr)

        code, result = self.verify("--from-topic")

        self.assertTrue(result["holds"], result)
        self.assertEqual(code, 5 if result["verdict"]["state"] == "INVALID" else 0)
        said = "\n".join(check["what"] for check in result["checks"])
        for kind in ("plan.json and plan.csv are what", "sends.csv has the images", "seconds.csv is what", "has every acknowledged image"):
            self.assertIn(kind, said)

        sends = self.run_dir / "sends.csv"
        changed = rows(sends)[7]
        sends.write_text(sends.read_text().replace(f"{changed['offset']},{changed['intended_ns']}", f"99999,{changed['intended_ns']}"))
        code, result = self.verify("--from-topic")
        self.assertEqual(code, 5)
        self.assertFalse(result["holds"])
        self.assertIn(f"image {changed['id']}", [check["what"] for check in result["checks"] if not check["ok"]])

    def test_a_killed_feed_has_no_unknown_image_after_it(self):
        with kexp_test.Process(self.arguments("--max-ips", "300", "--profile", "constant", "--duration", "60")) as feed:
            sends = self.run_dir / "sends.csv"
            kexp_test.wait_until(lambda: sends.exists() and len(sends.read_text().splitlines()) > 500, 30, "500 images")
            refused = kexp_test.run(["feed", "verify", self.run_dir])
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn("is being fed", refused.stderr)
            feed.kill()
        code, before = self.verify()
        self.assertTrue(before["holds"], before)
        self.assertEqual(code, 5)  # Nobody knows of every image.
        unknown = json.loads((self.run_dir / "run.json").read_text())["counts"]["unknown"]
        self.assertGreater(unknown, 0)

        _, result = self.verify("--from-topic")

        self.assertTrue(result["holds"], result)
        counts = json.loads((self.run_dir / "run.json").read_text())["counts"]
        self.assertEqual(counts["unknown"], 0)
        self.assertEqual(counts["planned"], 18000)
        self.assertEqual(counts["planned"], counts["sent"] + counts["dropped"])
        there = self.in_topic()
        self.assertEqual(counts["acknowledged"], len(there))
        decided = rows(self.run_dir / "feed-topic.csv")
        self.assertEqual(len(decided), unknown)
        for row in decided:
            if row["status"] == "acknowledged":
                self.assertEqual(there[row["id"]], (row["partition"], row["offset"]))
            else:
                self.assertNotIn(row["id"], there)
        self.assertTrue(self.verify()[1]["holds"])

    def test_two_shards_are_one_run(self):
        plan = ("--max-ips", "50", "--profile", "constant", "--duration", "4")
        t0 = kexp_test.run(["-u", "-d", "+8 seconds", "+%Y-%m-%dT%H:%M:%SZ"], program="date").stdout.strip()
        with kexp_test.Process(self.arguments(*plan, "--shard", "1/2", "--t0", t0)) as one, \
                kexp_test.Process(self.arguments(*plan, "--shard", "2/2", "--t0", t0)) as two:
            self.assertIn(one.wait(60), (0, 5), one.output())
            self.assertIn(two.wait(60), (0, 5), two.output())

        _, result = self.verify("--from-topic")

        self.assertTrue(result["holds"], result)
        counts = json.loads((self.run_dir / "run.json").read_text())["counts"]
        self.assertEqual((counts["planned"], counts["acknowledged"], counts["unknown"]), (200, 200, 0))
        self.assertEqual(len(self.in_topic()), 200)

    def test_a_run_that_is_none_is_named(self):
        done = kexp_test.run(["feed", "verify", self.folder / "nowhere"])
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("RUN", done.stderr)


if __name__ == "__main__":
    kexp_test.main()
