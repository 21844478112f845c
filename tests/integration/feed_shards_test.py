"""Two feeds that play one plan into one topic: one run, whether its files were in one folder or are copied together."""

import json
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.feeding import FedRun, lateness_s

RATE = 50  # images/s
AHEAD_S = 8  # time to get ready, on a machine that is busy


class FeedShardsTest(kexp_test.BrokerCase):
    def start_shards(self, seconds, *more, runs=(None, None)):
        """Both parts of a plan of RATE images/s, and when it begins."""
        self.create_topic(2)
        t0 = int(time.time()) + AHEAD_S
        plan = ("--max-ips", RATE, "--profile", "constant", "--duration", seconds, "--t0", t0)
        return [self.start_feed("--shard", f"{index}/2", *plan, *more, run=run) for index, run in zip((1, 2), runs)], t0

    def assert_all_acknowledged(self, seconds):
        self.assertEqual([row["id"] for row in self.fed.with_status("acknowledged")], list(range(seconds * RATE)))
        self.assertEqual(sorted(int(key) for key, in self.kafka.records(self.topic, "%k")), list(range(seconds * RATE)))
        counts = self.fed.counts()
        self.assertEqual([counts[name] for name in ("planned", "sent", "acknowledged", "unknown")], [seconds * RATE] * 3 + [0], counts)

    def test_two_shards_are_one_run(self):
        shards, t0 = self.start_shards(3)
        for shard in shards:
            self.assertIn(shard.wait(), (0, 5), shard.output())

        self.assert_all_acknowledged(3)
        run_id = self.fed.json("run.json")["id"]
        self.assertEqual({headers.split(",")[0] for headers, in self.kafka.records(self.topic, "%h")}, {f"kexp-run={run_id}"})
        self.assertEqual({int(row["id"]) % 2 for row in self.fed.rows("sends-1.csv")}, {0})
        self.assertEqual({int(row["id"]) % 2 for row in self.fed.rows("sends-2.csv")}, {1})
        begins = [self.fed.last("sending", f"feed-{index}") for index in (1, 2)]
        self.assertEqual([begin["t0_unix_ns"] for begin in begins], [t0 * 1_000_000_000] * 2)
        self.assertEqual(begins[0]["plan_hash"], begins[1]["plan_hash"])
        self.assertEqual(self.fed.json("plan.json")["images"], 3 * RATE)
        # How far apart the two began; the least of some images, as this machine may be busy.
        starts = [min(lateness_s(row) for row in self.fed.sends() if row["id"] % 2 == shard and row["id"] < 40) for shard in (0, 1)]
        self.assertLess(abs(starts[0] - starts[1]), 0.005)
        # Both lines of one log were torn by the other's.
        self.assertFalse((self.fed.path / "log").exists())
        for index, shard in enumerate(shards, 1):
            self.assertRegex(shard.stdout, rf"(?m)^part {index}/2 +(VALID|PERTURBED|INVALID)$")
            log = (self.fed.path / f"log-{index}").read_text()
            self.assertEqual((log.count("feed: started"), log.count("feed: finished")), (1, 1), log)
        verification, _ = self.fed.verify(self.kafka)
        self.assertTrue(verification["holds"], verification)

    def test_each_tells_of_its_part_and_of_the_run(self):
        shards, _ = self.start_shards(2, "--json")
        for shard in shards:
            self.assertIn(shard.wait(), (0, 5), shard.output())
        told = [json.loads(shard.stdout) for shard in shards]
        for index, result in enumerate(told, 1):
            self.assertEqual((result["role"], result["part"], result["interrupted"]), (f"feed-{index}", f"{index}/2", False))
            self.assertEqual((result["run"], result["directory"]), (self.fed.json("run.json")["id"], str(self.fed.path)))
            self.assertEqual([result["counts"][name] for name in ("planned", "sent", "acknowledged", "failed")], [RATE, RATE, RATE, 0])
            # Of its own sending it knows all, but no tracker takes part in the run.
            self.assertIn(result["verdict"]["state"], ("VALID", "PERTURBED", "INVALID"))
            self.assertNotIn("tracker", str(result["verdict"]["reasons"]))
            self.assertIn(result["run_verdict"]["state"], ("PARTIAL", "INVALID"))
            self.assertIn("no tracker took part", str(result["run_verdict"]["reasons"]))
        self.assertIn(self.fed.verdict()["reasons"], [result["run_verdict"]["reasons"] for result in told])

    def test_a_sound_shard_ends_well_whatever_the_other_did(self):
        self.create_topic(2)
        shard = self.start_feed("--shard", "1/2", "--max-ips", RATE, "--profile", "constant", "--duration", 2,
                                "--t0", int(time.time()) + AHEAD_S, "--threshold", "late-over-100ms=1", "--threshold", "segment-error=1")
        kexp_test.wait_until(lambda: self.fed.events("started", "feed-1"), 60, "the run of the first shard")
        # The second one, on a host whose broker took nothing, has its files here already.
        started = self.fed.last("started", "feed-1") | {"role": "feed-2"}
        started["settings"]["shard"] = "2/2"
        finished = {"event": "finished", "time": started["time"], "planned": RATE, "sent": RATE, "failed": RATE}
        (self.fed.path / "feed-2.json").write_text(f"{json.dumps(started)}\n{json.dumps(finished)}\n")
        (self.fed.path / "sends-2.csv").write_text("id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n" + "".join(
            f"{image},1,0,,1,1,,failed:_MSG_TIMED_OUT\n" for image in range(1, 2 * RATE, 2)))

        self.assertEqual(shard.wait(), 0, shard.output())
        self.assertEqual(self.fed.verdict()["state"], "INVALID")
        self.assertIn(f"{RATE} images were refused by the broker, timed out", self.fed.reasons())

    def test_a_shard_that_is_missing_is_named_until_its_files_are_there(self):
        elsewhere = FedRun(self.folder / "elsewhere")
        shards, _ = self.start_shards(1, runs=(self.fed.path, elsewhere.path))
        for shard in shards:
            self.assertIn(shard.wait(), (0, 5), shard.output())
        self.assertIn("feed-2.json is not here", self.fed.reasons())
        self.assertIn("feed-1.json is not here", elsewhere.reasons())
        for file in elsewhere.path.iterdir():  # as rsync --ignore-existing copies
            if file.is_file() and not (self.fed.path / file.name).exists():
                shutil.copy(file, self.fed.path)
        self.assertTrue((self.fed.path / "log-2").exists())
        verification, _ = self.fed.verify(self.kafka)
        self.assertTrue(verification["holds"], verification)
        self.assertNotIn("is not here", self.fed.reasons())
        self.assert_all_acknowledged(1)


if __name__ == "__main__":
    kexp_test.main()
