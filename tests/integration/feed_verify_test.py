"""`kexp feed verify` on a real Kafka: what is in the topic settles what the files do not tell."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test


class FeedVerifyTest(kexp_test.BrokerCase):
    def setUp(self):
        super().setUp()
        self.create_topic(3)

    def verify(self):
        """What it says of the files alone."""
        done = kexp_test.run(["feed", "verify", self.fed.path, "--json"])
        self.assertIn(done.returncode, (0, 5), done.stderr)
        return json.loads(done.stdout), done.returncode

    def in_topic(self):
        """{id: (partition, offset)} of the run, as kcat sees it."""
        return {key: (partition, offset) for key, partition, offset in self.kafka.records(self.topic, "%k\t%p\t%o")}

    def test_every_figure_of_a_run_holds(self):
        # What another run left in the topic before is none of its business.
        before = kexp_test.run(self.feed_arguments("--profile", "burst", "--count", "30", run=self.folder / "before"))
        self.assertIn(before.returncode, (0, 5), before.stderr)
        self.feeds("--max-ips", "60", "--duration", "4", "--breakpoints", "8", "--n-cycles", "1", "--threads", "2")

        result, code = self.fed.verify(self.kafka)

        self.assertTrue(result["holds"], result)
        self.assertEqual(code, 5 if result["verdict"]["state"] == "INVALID" else 0)
        said = "\n".join(check["what"] for check in result["checks"])
        for kind in ("plan.json and plan.csv are what", "sends.csv has the images", "seconds.csv is what", "has every acknowledged image"):
            self.assertIn(kind, said)

        sends = self.fed.path / "sends.csv"
        changed = self.fed.rows("sends.csv")[7]
        sends.write_text(sends.read_text().replace(f"{changed['offset']},{changed['intended_ns']}", f"99999,{changed['intended_ns']}"))
        result, code = self.fed.verify(self.kafka)
        self.assertEqual(code, 5)
        self.assertFalse(result["holds"])
        self.assertIn(f"image {changed['id']}", [check["what"] for check in result["checks"] if not check["ok"]])

    def test_a_killed_feed_has_no_unknown_image_after_it(self):
        feed = self.start_feed("--max-ips", "300", "--profile", "constant", "--duration", "60")
        self.fed.wait_for_sends(500)
        refused = kexp_test.run(["feed", "verify", self.fed.path])
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("is being fed", refused.stderr)
        feed.kill()
        before, code = self.verify()
        self.assertTrue(before["holds"], before)
        self.assertEqual(code, 5)  # Nobody knows of every image.
        unknown = self.fed.counts()["unknown"]
        self.assertGreater(unknown, 0)

        result, _ = self.fed.verify(self.kafka)

        self.assertTrue(result["holds"], result)
        counts = self.fed.counts()
        self.assertEqual(counts["unknown"], 0)
        self.assertEqual(counts["planned"], 18000)
        self.assertEqual(counts["planned"], counts["sent"] + counts["dropped"])
        there = self.in_topic()
        self.assertEqual(counts["acknowledged"], len(there))
        decided = self.fed.rows("feed-topic.csv")
        self.assertEqual(len(decided), unknown)
        for row in decided:
            if row["status"] == "acknowledged":
                self.assertEqual(there[row["id"]], (row["partition"], row["offset"]))
            else:
                self.assertNotIn(row["id"], there)
        self.assertTrue(self.verify()[0]["holds"])

    def test_a_run_that_is_none_is_named(self):
        done = kexp_test.run(["feed", "verify", self.folder / "nowhere"])
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("RUN", done.stderr)


if __name__ == "__main__":
    kexp_test.main()
