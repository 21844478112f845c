"""`kexp track` on a real Kafka: every answer is written and counted, whatever ends the tracker."""

import collections
import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import small_disk
from kexp_test.folder_case import FolderCase
from kexp_test.images import write_images
from kexp_test.wait import wait_for_shown

INTENDED_MS = 1_795_284_000_000
RESULT_COLUMNS = ("source,model,dimensions,idle,pre,inf,post,queue,start_time,end_time,id,errors,run,node,pod,engine,threads,width,height,"
                  "partition,offset,decode,throttled_ms,done_time,received_ms,n_detections,answer_partition,answer_offset,error").split(",")


def rows(file):
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines))


def answer(image, run):
    """An answer as a consumer sends it."""
    return {
        "timestamps": {"idle": 0.5, "queue": 12, "pre": 1.9, "inf": 53.2, "post": 0.4, "start_time": INTENDED_MS,
                       "end_time": INTENDED_MS + 12},
        "source": "10.244.1.7", "model": "yolov5n", "dimensions": [1, 3, 640, 640], "id": str(image), "errors": 0, "run": run,
        "node": "worker1", "pod": "consumer-a", "engine": "opencv", "threads": 1, "resolution": [768, 576], "partition": 0,
        "offset": image, "decode": 2.2, "throttled_ms": 0.0, "done_time": INTENDED_MS + 70,
        "detections": [{"class_id": 0, "label": "person", "confidence": 0.82, "box": [219.3, 407.8, 130.1, 454.9]},
                       {"class_id": 9, "label": "traffic light, red", "confidence": 0.3, "box": [1, 2, 3, 4]}],
    }


class TrackTest(FolderCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()

    def setUp(self):
        super().setUp()
        self.run = self.folder / "run"
        self.topic = f"output-{self.id().rsplit('.', 1)[1]}"
        self.kafka.create_topic(self.topic, 2)

    def arguments(self, *more):
        return ["track", "--servers", self.kafka.servers, "--topic", self.topic, "--run", self.run, *more]

    def start(self, *more, env=None):
        """A tracker at work, and the id of its run."""
        process = kexp_test.Process(self.arguments(*more), env=env)
        self.addCleanup(process.close)
        started = process.wait_for_line(r"track: started.* run=(\S+)", stream="stderr")
        return process, started.group(1)

    def produce(self, records, run=None):
        """Puts JSON texts on the topic, with the header of `run`, by kcat."""
        header = ["-H", f"kexp-run={run}"] if run else []
        text = "".join(json.dumps(record) + "\n" for record in records)
        done = kexp_test.run(["-b", self.kafka.servers, "-P", "-t", self.topic, *header], program="kcat", stdin=text)
        self.assertEqual(done.returncode, 0, done.stderr)

    def results(self):
        files = list((self.run / "results").glob("*.csv"))
        self.assertEqual(len(files), 1)
        return rows(files[0])

    def wait_for_results(self, count):
        kexp_test.wait_until(lambda: len(self.results()) >= count, 60, f"{count} rows in results/")

    def finish_feed(self, statuses):
        """Leaves what a feed leaves; image i lies at offset i of partition 0."""
        (self.run / "sends.csv").write_text("id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n" + "".join(
            f"{i},1000,0,{i},{INTENDED_MS * 1000000},{INTENDED_MS * 1000000},{INTENDED_MS * 1000000},{status}\n"
            for i, status in enumerate(statuses)))
        count = {status: statuses.count(status) for status in ("acknowledged", "unknown", "dropped")}
        lines = [{"event": "started", "time": "2026-11-21T18:00:00.000Z", "role": "feed", "run": "x"},
                 {"event": "finished", "time": "2026-11-21T18:00:10.000Z", "planned": len(statuses),
                  "acknowledged": count["acknowledged"], "late_over_1ms_fraction": 0.0, "late_over_100ms_fraction": 0.0,
                  "segments_out_of_bound": 0, "t0": "2026-11-21T18:00:01.000Z", "delivery": {"p50_ms": 4.5}}]
        (self.run / "feed.json").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def run_json(self):
        return json.loads((self.run / "run.json").read_text())

    def test_ends_when_every_acknowledged_image_has_its_answer(self):
        tracker, run = self.start("--until-complete", "--json")
        self.assertRegex(tracker.stderr, r"track: started .* metrics=http://127\.0\.0\.1:\d+/metrics\n")
        self.produce([answer(i, run) for i in range(50)], run)
        self.produce([answer(7, run), answer(7, run)], run)
        self.produce([answer(1, "of-another-run")], "of-another-run")
        self.produce(["no object"], run)
        self.finish_feed(["acknowledged"] * 60)
        self.wait_for_results(52)
        self.assertTrue(tracker.running())
        self.produce([answer(i, run) for i in range(50, 60)], run)
        self.assertEqual(tracker.wait(), 0, tracker.output())

        results = self.results()
        self.assertEqual(list(results[0]), RESULT_COLUMNS)
        first = next(row for row in results if row["id"] == "0")
        for column, value in {"source": "10.244.1.7", "dimensions": "[1, 3, 640, 640]", "idle": "0.5", "pre": "1.9", "inf": "53.2",
                              "queue": "12", "start_time": str(INTENDED_MS), "end_time": str(INTENDED_MS + 12), "errors": "0",
                              "run": run, "width": "768", "height": "576", "done_time": str(INTENDED_MS + 70),
                              "n_detections": "2"}.items():
            self.assertEqual(first[column], value, column)
        self.assertAlmostEqual(int(first["received_ms"]) / 1000, time.time(), delta=60)
        detections = rows(next((self.run / "detections").glob("*.csv")))
        self.assertEqual(len(detections), 2 * 62)
        self.assertEqual({row["label"] for row in detections}, {"person", "traffic light, red"})

        printed = json.loads(tracker.stdout)
        self.assertEqual(printed, self.run_json())
        self.assertEqual(printed["verdict"], {**printed["verdict"], "state": "VALID", "reasons": []})
        counts = printed["counts"]
        self.assertEqual((counts["processed"], counts["missing"], counts["duplicates"], counts["foreign"]), (60, 0, 2, 1))
        self.assertEqual(printed["roles"]["track"]["result"]["invalid"], 1)
        self.assertEqual(json.loads((self.run / "ledger.json").read_text())["duplicate"]["ids"], ["7"])
        self.assertAlmostEqual(printed["latency"]["end_to_end"]["p50_ms"], 70, delta=0.1)

    def test_names_what_is_missing_and_ends_with_5(self):
        tracker, run = self.start("--until-complete", "--timeout", "2")
        self.produce([answer(i, run) for i in (0, 1, 3)], run)
        self.wait_for_results(3)
        self.finish_feed(["acknowledged"] * 5)
        self.assertEqual(tracker.wait(), 5, tracker.output())
        self.assertEqual(json.loads((self.run / "ledger.json").read_text())["missing"]["ids"], ["2", "4"])
        self.assertRegex(tracker.stdout, r"(?m)^missing +2$")
        self.assertRegex(tracker.stdout, r"(?m)^person +3$")
        self.assertRegex(tracker.stdout, r"(?m)^delivery +4\.5")
        self.assertIn("verdict       INVALID", tracker.stdout)
        self.assertIn(str(self.run), tracker.stdout)
        self.assertIn('gave_up_after_s=2 waiting_for="answers to what the feed has sent"', tracker.stderr)

    def test_a_run_that_is_never_fed_is_given_up(self):
        tracker, _ = self.start("--until-complete", "--feed-timeout", "1")
        self.assertEqual(tracker.wait(), 5, tracker.output())
        self.assertIn('gave_up_after_s=1 waiting_for="a feed to join the run"', tracker.stderr)
        self.assertIn("verdict       PARTIAL", tracker.stdout)

    def test_sigterm_drains(self):
        tracker, run = self.start()
        self.produce([answer(i, run) for i in range(2000)], run)
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), 0, tracker.output())
        self.assertEqual(len({row["id"] for row in self.results()}), 2000)
        self.assertEqual(self.run_json()["verdict"]["state"], "PARTIAL")
        self.assertRegex(tracker.stdout, r"(?m)^inf +53\.2")  # Without a feed there are no stages.
        self.assertRegex(tracker.stdout, r"(?m)^end_to_end is the one to quote")

    def test_ctrl_c_before_completion_is_an_interruption(self):
        tracker, run = self.start("--until-complete")
        self.produce([answer(0, run)], run)
        tracker.signal(signal.SIGINT)
        self.assertEqual(tracker.wait(), 130, tracker.output())
        self.assertEqual(len(self.results()), 1)

    def test_kill_9_leaves_readable_files_and_a_run_that_can_be_derived(self):
        tracker, run = self.start()
        self.produce([answer(i, run) for i in range(300)], run)
        self.wait_for_results(300)
        self.produce([answer(i, run) for i in range(300, 3000)], run)
        tracker.kill()
        for row in self.results()[:-1]:
            self.assertEqual(row["run"], run)

        # A feed that ends derives the run.
        write_images(self.folder / "images", 2)
        dataset = self.folder / "images.hdf5"
        self.assertEqual(kexp_test.run(["dataset", "make", "--images", self.folder / "images", "--out", dataset]).returncode, 0)
        self.kafka.create_topic(f"input-{self.topic}", 1)
        feed = kexp_test.run(["feed", "--servers", self.kafka.servers, "--topic", f"input-{self.topic}", "--dataset", dataset, "--run",
                              self.run, "--profile", "burst", "--count", "4"])
        self.assertIn(feed.returncode, (0, 5), feed.stderr)
        derived = self.run_json()
        self.assertEqual(derived["counts"]["processed"], 4)
        self.assertGreaterEqual(derived["counts"]["answers"], 300)
        self.assertEqual(derived["counts"]["unreadable_rows"], 0)
        self.assertIn("track has not finished", derived["verdict"]["reasons"])

    def test_killed_again_and_again_it_loses_nothing_and_repeats_nothing(self):
        count, kills = 6_000, 2
        tracker, run = self.start("--until-complete")
        self.produce([answer(7, run)] * 2, run)  # a real duplicate stays one
        for part in range(kills):
            first, last = part * count // kills, (part + 1) * count // kills
            self.produce([answer(i, run) for i in range(first, last)], run)
            self.wait_for_results((first + last) // 2)
            tracker.kill()
            tracker, again = self.start("--until-complete")
            self.assertEqual(again, run)
        self.finish_feed(["acknowledged"] * count)
        self.assertEqual(tracker.wait(), 0, tracker.output())

        seen = collections.Counter(int(row["id"]) for row in self.results())
        self.assertEqual(len(seen), count)
        self.assertEqual({image: times for image, times in seen.items() if times != 1}, {7: 3})
        places = {(row["answer_partition"], row["answer_offset"]) for row in self.results()}
        self.assertEqual(len(places), count + 2)
        self.assertEqual(len(rows(next((self.run / "detections").glob("*.csv")))), 2 * (count + 2))
        counts = self.run_json()["counts"]
        self.assertEqual((counts["processed"], counts["missing"], counts["duplicates"], counts["unreadable_rows"]), (count, 0, 2, 0))

    def test_joins_late_without_loss(self):
        run = "20261121T180000Z-late"
        self.run.mkdir()
        (self.run / "run.json").write_text(json.dumps({"id": run, "created": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())}))
        self.produce([answer(i, run) for i in range(40)], run)
        self.finish_feed(["acknowledged"] * 40)
        tracker, joined = self.start("--until-complete", "--deadline", "100ms")
        self.assertEqual(joined, run)
        self.assertEqual(tracker.wait(), 0, tracker.output())
        goodput = self.run_json()["goodput"]
        self.assertEqual((goodput["sent"], goodput["in_time"], goodput["deadline_s"]), (40, 40, 0.1))
        self.assertRegex(tracker.stdout, r"(?m)^goodput +100 % of 40 images within 0\.1 s \(91\.\d+ to 100 %")
        self.assertRegex(tracker.stdout, r"(?m)^inference +53\.2")
        # Each figure stands there once, of two tables, and one is said to be the one to quote.
        named = [line.split()[0] for line in tracker.stdout.splitlines() if re.search(r"( +([-\d.]+)){4}$", line)]
        self.assertEqual(sorted(named), sorted({*named}))
        self.assertEqual(set(named), {"lateness", "send", "wait", "decode", "preprocess", "inference", "postprocess", "end_to_end",
                                      "delivery", "queue", "receive"})
        self.assertRegex(tracker.stdout, r"(?m)^end_to_end +7.*\nend_to_end is the one to quote")

    def test_trackers_of_two_runs_share_a_topic(self):
        first, one = self.start("--until-complete")
        self.run, run = self.folder / "other", self.run
        second, other = self.start("--until-complete")
        self.produce([answer(i, one) for i in range(20)], one)
        self.produce([answer(i, other) for i in range(30)], other)
        self.finish_feed(["acknowledged"] * 30)
        self.assertEqual(second.wait(), 0, second.output())
        self.assertEqual(len(self.results()), 30)
        self.run = run
        self.finish_feed(["acknowledged"] * 20)
        self.assertEqual(first.wait(), 0, first.output())
        self.assertEqual(len(self.results()), 20)
        self.assertEqual(self.run_json()["counts"]["foreign"], 30)

    def test_a_terminal_shows_a_table_and_the_log_has_lines(self):
        terminal, its_end = pty.openpty()
        self.addCleanup(os.close, terminal)
        tracker = subprocess.Popen([kexp_test.kexp_binary(), *map(str, self.arguments())], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=its_end, env=kexp_test.clean_environment())
        os.close(its_end)
        self.addCleanup(tracker.kill)
        wait_for_shown(terminal, r"answered +answers/s")
        self.produce([answer(i, self.run_json()["id"]) for i in range(3)], self.run_json()["id"])
        wait_for_shown(terminal, r"\r\x1b\[K +3 +[0-9]+ +- +0 +70\.0 +70\.0 +70\.0 +100\.00")
        tracker.send_signal(signal.SIGTERM)
        self.assertIn("verdict       PARTIAL", tracker.communicate(timeout=60)[0].decode())
        self.assertRegex((self.run / "log").read_text(), r"track: progress processed=3 ")

    def test_a_second_tracker_of_a_run_is_refused(self):
        self.start()
        done = kexp_test.run(self.arguments())
        self.assertEqual(done.returncode, 2)
        self.assertIn("--run", done.stderr)

    def test_answers_of_tools_without_runs_are_tracked_when_asked_to(self):
        old = {"timestamps": {"pre": 1, "inf": 2, "post": 0.0, "queue": 3, "start_time": 1, "end_time": 4}, "source": "10.0.0.1",
               "model": "yolov8n", "dimensions": [1, 84, 8400], "id": "3", "errors": 0}
        self.produce([old])
        tracker, _ = self.start("--any-run")
        self.wait_for_results(1)
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), 0, tracker.output())
        self.assertEqual(self.results()[0]["model"], "yolov8n")

    def test_shows_metrics_in_seconds(self):
        tracker, run = self.start(env={"KEXP_SD_DIR": str(self.folder / "sd")})
        self.produce([answer(0, run)], run)
        self.wait_for_results(1)
        target = json.loads((self.folder / "sd" / f"{tracker.pid}.json").read_text())[0]["targets"][0]
        with urllib.request.urlopen(f"http://{target}/metrics", timeout=30) as page:
            text = page.read().decode()
        self.assertIn("kexp_end_to_end_seconds_sum 0.07", text)
        self.assertIn('kexp_result_stage_seconds_sum{stage="inf"} 0.0532', text)

    def test_a_full_disk_is_named_and_kafka_keeps_the_rest(self):
        small_disk(self, self.run)
        tracker, run = self.start()
        self.produce([answer(i, run) for i in range(2000)], run)
        self.assertEqual(tracker.wait(), 1, tracker.output())
        self.assertRegex(tracker.stderr, r"cannot write .*(results|detections).*: No space left on device")

        again = kexp_test.Process(
            ["track", "--servers", self.kafka.servers, "--topic", self.topic, "--run", self.folder / "second", "--any-run"])
        self.addCleanup(again.close)
        again.wait_for_line(r"track: started", stream="stderr")
        again.signal(signal.SIGTERM)
        self.assertEqual(again.wait(), 0, again.output())
        self.assertEqual(len(rows(next((self.folder / "second" / "results").glob("*.csv")))), 2000)

    def test_a_missing_topic_is_named_and_nothing_is_made(self):
        done = kexp_test.run(["track", "--servers", self.kafka.servers, "--topic", "nowhere", "--run", self.run])
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--topic: there is no topic nowhere", done.stderr)
        self.assertIn("kexp topics create --output-topic nowhere --partitions N\n", done.stderr)
        self.assertFalse(self.run.exists())

    def test_no_broker_is_exit_3_and_nothing_is_made(self):
        port = kexp_test.free_port()
        done = kexp_test.run(["track", "--servers", f"127.0.0.1:{port}", "--run", self.run])
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertFalse(self.run.exists())

    def test_mistakes_name_the_flag(self):
        for arguments, flag in ((["--timeout", "0"], "--timeout"), (["--from", "noon"], "--from"), (["--topic", "a b"], "--topic"),
                                (["--validate-results", "maybe"], "--validate-results"), (["--group", "a b"], "--group"),
                                (["--deadline", "soon"], "--deadline"), (["--deadline", "0s"], "--deadline"),
                                (["--timeout", "5"], "--timeout has no effect without --until-complete"),
                                (["--feed-timeout", "5"], "--feed-timeout has no effect without --until-complete"),
                                (["--group", "g"], "--group has no effect without --validate-results FALSE"),
                                (["-X", "no.such=1"], "no.such")):
            done = kexp_test.run(["track", "--servers", self.kafka.servers, "--run", self.run, *arguments])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(flag, done.stderr)
            self.assertFalse(self.run.exists())


if __name__ == "__main__":
    kexp_test.main()
