"""`kexp feed` without a broker: dry runs and bad input."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import write_images


class FeedCliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        write_images(Path(cls.folder.name, "images"), 5)
        cls.dataset = Path(cls.folder.name, "images.hdf5")
        done = kexp_test.run(["dataset", "make", "--images", Path(cls.folder.name, "images"), "--out", cls.dataset])
        assert done.returncode == 0, done.stderr

    def feed(self, *args, **options):
        return kexp_test.run(["feed", "--dataset", self.dataset, *args], cwd=self.folder.name, **options)

    def fails(self, args, code, *words):
        done = self.feed(*args)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_dry_run_prints_the_plan_and_needs_no_broker(self):
        args = ["--max_mbps", "0.5", "--duration", "7200", "--dry-run", "--servers", "127.0.0.1:1"]
        done = self.feed(*args, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        plan = json.loads(done.stdout)
        # The mean of 200 breakpoints is 0.5185 of the peak.
        self.assertAlmostEqual(plan["bytes"], 0.5185 * 0.5e6 * 7200, delta=0.0005 * 0.5e6 * 7200)
        self.assertEqual(plan["segments"], 1000)
        self.assertRegex(plan["plan_hash"], "^[0-9a-f]{64}$")
        self.assertEqual(json.loads(self.feed(*args, "--json").stdout)["plan_hash"], plan["plan_hash"])
        self.assertIn(plan["plan_hash"], self.feed(*args).stdout)

    def test_a_dry_run_shows_the_curve_its_average_and_what_is_coarse(self):
        args = ["--max-mbps", "4", "--duration", "7200", "--n-cycles", "1", "--partitions", "3"]
        lines = self.feed("--dry-run", *args).stdout.splitlines()
        plan = json.loads(self.feed("--dry-run", "--json", *args).stdout)
        blank = lines.index("")
        self.assertRegex(lines[0], f"^planned +{plan['images']} images, .* in 2 h 00 min; the largest ")
        self.assertRegex(lines[1], r"^rate +2\.07\d MB/s of images on average, the curve's peak is 3\.876$")
        self.assertRegex(lines[blank + 1], r"^ +3\.8\d ┬ MB/s$")  # Of a 63rd of the run: no more than the peak.
        self.assertEqual([line.split()[0] for line in lines[blank + 1 :] if "+" in line], ["2.07"])
        self.assertEqual(lines[-1].split("  ")[-1].strip(), "2 h")
        self.assertTrue(all(len(line) <= 72 for line in lines[blank:]))
        self.assertFalse([line for line in lines if line.startswith("warning")])
        self.assertEqual(plan["warnings"], [])

        coarse = self.feed("--dry-run", "--max-mbps", "0.01").stdout
        self.assertRegex(coarse, "warning +fewer than 20 images in 1000 of the 1000 segments with a load")
        burst = self.feed("--dry-run", "--profile", "burst", "--count", "3").stdout
        self.assertNotIn("MB/s", burst)

    def test_a_peak_on_the_command_line_beats_the_other_one_of_the_settings_file(self):
        settings = Path(self.folder.name, "peak.yaml")
        settings.write_text("feed: {max-ips: 10, profile: constant, duration: 10}\n")

        def planned(*args):
            return json.loads(self.feed("--config", settings, "--dry-run", "--json", *args).stdout)

        self.assertAlmostEqual(planned("--max-mbps", "0.5")["peak_mbps"], 0.5)
        self.assertEqual(planned()["images"], 100)
        settings.write_text("feed: {max-mbps: 3, profile: constant, duration: 10}\n")
        self.assertEqual(planned("--max-ips", "5")["images"], 50)
        settings.write_text("feed: {max-mbps: 3, max-ips: 10}\n")
        self.fails(["--config", settings, "--dry-run"], 2, "both give the peak")
        self.fails(["--max-mbps", "3", "--max-ips", "4", "--dry-run"], 2, "both give the peak")

    def test_calibrate_takes_flags_of_its_own_only(self):
        self.fails(["calibrate"], 2, "--dataset is a flag of feed, not of feed calibrate")
        for args, word in ((["--max-mbps", "3"], "--max-mbps is a flag of feed"), (["--duration", "1"], "--duration must be 2 to 600"),
                           (["--partitions", "0"], "--partitions"), (["--replication", "0"], "--replication"),
                           (["--most-mb", "0.5"], "--most-mb must be at least 1"), (["--dataset", "nowhere.h5"], "nowhere.h5")):
            done = kexp_test.run(["feed", "calibrate", "--servers", "127.0.0.1:1", *args])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(word, done.stderr)

    def test_a_dry_run_writes_the_plan_where_it_is_told(self):
        run = Path(self.folder.name, "planned")
        done = self.feed("--duration", "60", "--dry-run", "--out", run)
        self.assertEqual(done.returncode, 0, done.stderr)
        plan = json.loads((run / "plan.json").read_text())
        rows = (run / "plan.csv").read_text().splitlines()
        self.assertEqual(rows[0], "segment,start_s,duration_s,target_mbps,bytes,images")
        self.assertEqual(sum(int(row.split(",")[4]) for row in rows[1:]), plan["bytes"])
        self.assertEqual(sum(int(row.split(",")[5]) for row in rows[1:]), plan["images"])

    # The plan of a run that had been fed was replaced by another one.
    def test_a_dry_run_leaves_what_is_in_its_folder_as_it_is(self):
        run = Path(self.folder.name, "kept")
        run.mkdir()
        self.assertEqual(self.feed("--duration", "60", "--dry-run", "--out", run).returncode, 0)
        before = {file.name: (file.read_text(), file.stat().st_mtime_ns) for file in run.iterdir()}
        self.assertEqual(set(before), {"plan.json", "plan.csv"})
        self.fails(["--duration", "61", "--dry-run", "--out", run], 2, f"--out {run} holds another plan",
                   json.loads(before["plan.json"][0])["plan_hash"])
        again = self.feed("--duration", "60", "--dry-run", "--out", run)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual({file.name: (file.read_text(), file.stat().st_mtime_ns) for file in run.iterdir()}, before)

        (run / "plan.json").write_text("[]")
        self.fails(["--dry-run", "--out", run], 2, f"--out {run}", "not of kexp")
        (run / "plan.json").unlink()
        self.fails(["--dry-run", "--out", run], 2, f"--out {run} is not empty and holds no plan")
        self.assertEqual([file.name for file in run.iterdir()], ["plan.csv"])

    def test_the_seed_changes_a_shuffled_plan_only(self):
        def plan_hash(*args):
            return json.loads(self.feed("--duration", "60", "--dry-run", "--json", *args).stdout)["plan_hash"]

        self.assertEqual(plan_hash("--seed", "1"), plan_hash("--seed", "2"))
        self.assertNotEqual(plan_hash("--shuffle", "--seed", "1"), plan_hash("--shuffle", "--seed", "2"))

    def test_arrivals_and_partitioner_change_the_plan_by_their_own_streams_of_the_seed(self):
        def plan_of(*args):
            return json.loads(self.feed("--duration", "60", "--dry-run", "--json", "--partitions", "3", *args).stdout)

        even, poisson, anywhere = plan_of(), plan_of("--arrival", "poisson"), plan_of("--partitioner", "random")
        self.assertEqual(len({even["plan_hash"], poisson["plan_hash"], anywhere["plan_hash"]}), 3)
        self.assertEqual(anywhere["bytes"], even["bytes"])
        self.assertEqual(plan_of("--arrival", "poisson"), poisson)
        self.assertNotEqual(plan_of("--arrival", "poisson", "--seed", "2"), poisson)

    def test_a_plan_is_played_again_from_its_folder(self):
        steps = Path(self.folder.name, "steps.csv")
        steps.write_text("10.1,0.3\n0.7,1\n")
        for name, args in {
            "plain": ["--duration", "60", "--max-mbps", "0.3"],
            "random": ["--duration", "60.7", "--n-cycles", "2", "--breakpoints", "30", "--curve", "legacy", "--arrival", "poisson",
                       "--partitioner", "random", "--partitions", "5", "--shuffle", "--seed", "18446744073709551615"],
            "images": ["--profile", "linear", "--duration", "30", "--max-ips", "7.3"],
            "burst": ["--profile", "burst", "--count", "17"],
            "steps": ["--profile", f"steps:{steps}"],
        }.items():
            with self.subTest(name):
                first, again = (Path(self.folder.name, f"{name}-{i}") for i in (1, 2))
                done = self.feed(*args, "--dry-run", "--out", first)
                self.assertEqual(done.returncode, 0, done.stderr)
                if name == "steps":
                    steps.unlink()  # What it said is in the plan.
                done = self.feed("--plan", first, "--dry-run", "--out", again)
                self.assertEqual(done.returncode, 0, done.stderr)
                for file in ("plan.json", "plan.csv"):
                    self.assertEqual((first / file).read_text(), (again / file).read_text())

    def test_a_plan_that_cannot_be_played_again_is_refused(self):
        plan = Path(self.folder.name, "stored")
        self.assertEqual(self.feed("--duration", "60", "--dry-run", "--out", plan).returncode, 0)
        self.fails(["--plan", "nowhere", "--dry-run"], 2, "--plan nowhere", "plan.json")
        self.fails(["--plan", plan, "--max-mbps", "2", "--dry-run"], 2, f"--plan {plan}", "--max-mbps")
        self.fails(["--plan", plan, "--shuffle", "--dry-run"], 2, f"--plan {plan}", "--shuffle")
        self.fails(["--plan", plan, "--partitions", "2"], 2, f"--plan {plan}", "--partitions")
        stored = json.loads((plan / "plan.json").read_text())
        other = Path(self.folder.name, "other")
        other.mkdir()

        def change(**changes):
            (other / "plan.json").write_text(json.dumps({**stored, **changes}))

        change(dataset_hash="0" * 64)
        self.fails(["--plan", other, "--dry-run"], 2, f"--plan {other}", "dataset hash", stored["dataset_hash"])
        change(plan_hash="0" * 64)
        self.fails(["--plan", other, "--dry-run"], 2, f"--plan {other}", "plan hash", stored["plan_hash"])
        change(settings={**stored["settings"], "duration_s": 61})
        self.fails(["--plan", other, "--dry-run"], 2, f"--plan {other}", "plan hash", stored["plan_hash"])
        for wrong in ({"seed": -1}, {"breakpoints": "200"}, {"breakpoints": 2**40}, {"duration_s": None}, {"arrival": "weekly"}, {"curve": 1}):
            with self.subTest(wrong):
                change(settings={**stored["settings"], **wrong})
                self.fails(["--plan", other, "--dry-run"], 2, f"--plan {other}", *wrong)
        change(settings={**stored["settings"], "duration_s": -5})
        self.fails(["--plan", other, "--dry-run"], 2, f"--plan {other}", "--duration must be above 0")
        (other / "plan.json").write_text("{")
        self.fails(["--plan", other, "--dry-run"], 2, f"--plan {other}", "plan.json")

    # It was refused for what kexp.yaml says, which is of several runs.
    def test_what_kexp_yaml_says_of_plans_is_not_of_a_replayed_one(self):
        folder = Path(self.folder.name, "settings")
        folder.mkdir()
        self.assertEqual(self.feed("--duration", "60", "--seed", "7", "--dry-run", "--out", folder / "plan").returncode, 0)
        again = ["feed", "--dataset", self.dataset, "--plan", "plan", "--dry-run"]
        for number, settings in enumerate(("duration: 61, max-mbps: 3, max-ips: 4, partitions: 9, shuffle: true, seed: 2",
                                           "profile: 'steps:missing.csv', on-overload: drop", "profile: burst, count: 7, on-overload: drop")):
            with self.subTest(settings):
                (folder / "kexp.yaml").write_text(f"feed: {{{settings}}}\n")
                done = kexp_test.run([*again, "--out", f"again-{number}"], cwd=folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual((folder / f"again-{number}/plan.json").read_text(), (folder / "plan/plan.json").read_text())
        done = kexp_test.run([*again, "--duration", "60"], cwd=folder)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, "kexp: --plan plan says --duration itself: leave it out\n")

    # A plan of no image at all was printed, and its hash.
    def test_a_plan_without_an_image_is_refused(self):
        self.fails(["--dry-run", "--max-mbps", "0.000001", "--duration", "10"], 2, "the plan holds no image", "raise --max-mbps or --duration")
        self.fails(["--dry-run", "--max-ips", "0.001", "--duration", "10"], 2, "raise --max-ips or --duration")
        for name, text, words in (("short", "10,0.5\n", ["raise --max-mbps\n"]), ("none", "10,0\n", ["has no fraction above 0"])):
            steps = Path(self.folder.name, f"{name}.csv")
            steps.write_text(text)
            self.fails(["--dry-run", "--profile", f"steps:{steps}", "--max-mbps", "0.000001"], 2, *words)

    def test_a_dry_run_says_for_how_many_partitions_it_plans(self):
        assumed = self.feed("--dry-run", "--duration", "600").stdout
        self.assertRegex(assumed, r"(?m)^warning +--partitions was not given: this is the plan for a topic with 1 partition")
        self.assertIn("--partitions was not given", json.loads(self.feed("--dry-run", "--duration", "600", "--json").stdout)["warnings"][-1])
        for partitions in "1", "3":
            self.assertNotIn("--partitions", self.feed("--dry-run", "--duration", "600", "--partitions", partitions).stdout)
        plan = Path(self.folder.name, "for-three")
        self.assertEqual(self.feed("--dry-run", "--duration", "600", "--partitions", "3", "--out", plan).returncode, 0)
        self.assertNotIn("--partitions", self.feed("--dry-run", "--plan", plan).stdout)

    # They did nothing, and nobody said so.
    def test_a_flag_that_another_leaves_without_effect_is_refused(self):
        steps, csv = Path(self.folder.name, "effect-steps.csv"), Path(self.folder.name, "effect.csv")
        steps.write_text("10,0.3\n")
        csv.write_text("0,0.3\n")
        for profile, flags in {
            "constant": ("--breakpoints=10", "--n-cycles=2", "--curve=legacy"),
            f"csv:{csv}": ("--breakpoints=10", "--n-cycles=2", "--curve=legacy"),
            f"steps:{steps}": ("--breakpoints=10", "--n-cycles=2", "--curve=legacy", "--duration=60"),
            "burst": ("--breakpoints=10", "--n-cycles=2", "--curve=legacy", "--duration=60", "--max-mbps=2", "--max-ips=2"),
        }.items():
            count = ["--count", "3"] if profile == "burst" else []
            for flag in flags:
                with self.subTest(profile=profile, flag=flag):
                    name = profile.partition(":")[0]
                    self.fails(["--dry-run", "--profile", profile, *count, flag], 2,
                               f"kexp: {flag.partition('=')[0]} has no effect with --profile {name}\n")
            self.assertEqual(self.feed("--dry-run", "--profile", profile, *count).returncode, 0)
        for policy in (), ("--on-overload", "burst"), ("--on-overload", "bounded"):
            self.fails(["--dry-run", "--max-debt", "1", *policy], 2, "--max-debt has no effect without --on-overload drop or fail")
        for policy in "drop", "fail":
            self.assertEqual(self.feed("--dry-run", "--duration", "60", "--max-debt", "1", "--on-overload", policy).returncode, 0)
        self.fails(["--dry-run", "--count", "3"], 2, "--count has no effect without --profile burst")
        for flag in ("--other-topic", "t"), ("--servers", "s:1"), ("-X", "linger.ms=1"):
            done = kexp_test.run(["feed", "verify", "nowhere", *flag])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(f"{flag[0]} has no effect without --from-topic", done.stderr)

    def test_settings_of_other_runs_in_kexp_yaml_may_have_no_effect(self):
        settings = Path(self.folder.name, "other-runs.yaml")
        settings.write_text("feed: {breakpoints: 48, n-cycles: 2, curve: legacy, duration: 60, max-debt: 2, count: 7, out: plans}\n")
        steps = Path(self.folder.name, "yaml-steps.csv")
        steps.write_text("10,0.3\n")
        for args in (["--profile", "constant"], ["--profile", f"steps:{steps}"], ["--profile", "burst"]):
            done = self.feed("--config", settings, "--dry-run", "--out", Path(self.folder.name, "yaml" + args[1][:5]), *args)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = kexp_test.run(["feed", "--config", settings, "--dataset", "nothing.hdf5"])
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothing.hdf5", done.stderr)

    def test_rows_of_a_csv_profile_beyond_the_duration_are_refused(self):
        csv = Path(self.folder.name, "day.csv")
        csv.write_text("t_s,fraction\n0,0.3\n3600,1\n7300,0.2\n")
        self.fails(["--dry-run", "--profile", f"csv:{csv}"], 2, f"{csv}:4: t_s 7300 is beyond --duration 7200")
        done = self.feed("--dry-run", "--json", "--profile", f"csv:{csv}", "--duration", "7300")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["segments"], 2)

    # It was read again and again, and a pipe is empty after the first time.
    def test_a_profile_may_come_from_a_pipe(self):
        for profile, text in (("steps", "10,0.5\n5,1\n"), ("csv", "0,0.5\n10,1\n")):
            with self.subTest(profile):
                done = self.feed("--dry-run", "--json", "--profile", f"{profile}:/dev/stdin", *(["--duration", "15"] if profile == "csv" else []),
                                 stdin=text)
                self.assertEqual(done.returncode, 0, done.stderr)
                plan = json.loads(done.stdout)
                self.assertEqual((plan["segments"], plan["duration_s"]), (2, 15))

    def test_a_dry_run_checks_what_needs_no_broker(self):
        self.fails(["--dry-run", "-X", "linger.sm=5"], 2, "-X linger.sm", "linger.ms")
        self.fails(["--dry-run", "-X", "linger.ms=soon"], 2, "-X linger.ms=soon")
        self.fails(["--dry-run", "-X", "max.in.flight.requests.per.connection=6"], 2, "-X max.in.flight.requests.per.connection=6")
        self.fails(["--dry-run", "-X", "acks=1"], 2, "-X acks cannot be set")
        self.fails(["--dry-run", "--servers", "master:kafka"], 2, "--servers must be host:port", "master:kafka")
        self.fails(["--dry-run", "--metrics-port", "70000"], 2, "--metrics-port must be 0 to 65535")
        self.fails(["--dry-run", "--t0", "tomorrow"], 2, "--t0", "tomorrow")
        self.fails(["--dry-run", "--t0", "2020-01-01T00:00:00Z"], 2, "--t0 2020-01-01T00:00:00", "has passed")
        # And asks no broker.
        done = self.feed("--dry-run", "--servers", "127.0.0.1:1", "-X", "linger.ms=5", "--t0", "2100-01-01T00:00:00Z")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_values_out_of_range_are_named(self):
        self.fails(["--max-mbps", "0"], 2, "--max-mbps must be above 0")
        self.fails(["--duration", "-1"], 2, "--duration")
        self.fails(["--n-cycles", "0"], 2, "--n-cycles")
        self.fails(["--profile", "night"], 2, "--profile", "night")
        self.fails(["--profile", "steps:missing.csv"], 2, "--profile", "missing.csv")
        self.fails(["--curve", "old"], 2, "--curve", "old")
        self.fails(["--max-mbps", "1", "--max-ips", "1"], 2, "--max-mbps", "--max-ips")
        self.fails(["--topic", "a b"], 2, "--topic")
        self.fails(["--profile", "burst"], 2, "--count")
        self.fails(["--metrics-port", "70000"], 2, "--metrics-port")
        self.fails(["--out", "plan"], 2, "--out has no effect without --dry-run")
        for debt in ("0", "0.0009", "-1", "1e9"):  # 0.0001 was taken, as 0.001.
            self.fails(["--dry-run", "--on-overload", "drop", "--max-debt", debt], 2, "--max-debt must be 0.001 to 86400 seconds")

    def test_a_missing_or_foreign_dataset_is_named(self):
        done = kexp_test.run(["feed", "--dry-run", "--dataset", "nothing.hdf5"], cwd=self.folder.name)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothing.hdf5", done.stderr)
        foreign = Path(self.folder.name, "foreign.hdf5")
        foreign.write_text("no HDF5 at all")
        done = kexp_test.run(["feed", "--dry-run", "--dataset", foreign])
        self.assertEqual(done.returncode, 2)
        self.assertIn("foreign.hdf5", done.stderr)

    def test_a_dataset_cut_short_anywhere_is_named_and_leaves_no_run(self):
        whole = self.dataset.read_bytes()
        cut = Path(self.folder.name, "cut.hdf5")
        for length in (0, 1, 7, 8, 40, 100, 1000, len(whole) // 4, len(whole) // 2, len(whole) - 1000, len(whole) - 1):
            with self.subTest(length):
                cut.write_bytes(whole[:length])
                done = kexp_test.run(["feed", "--dataset", cut, "--servers", "127.0.0.1:1", "--run", "runs/cut"], cwd=self.folder.name)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(done.stderr, rf"^kexp: --dataset {cut}: (no HDF5 file|broken or cut short: .*)\n$")
                self.assertEqual(done.stdout, "")
                self.assertFalse(Path(self.folder.name, "runs/cut").exists())

    def test_an_hdf5_that_is_no_image_dataset_is_named(self):
        foreign = Path(self.folder.name, "weather.hdf5")
        for name in (b"sensors", b"metadata", b"is_enabled"):
            foreign.write_bytes(self.dataset.read_bytes().replace(name, name[:-1] + b"X"))
            done = kexp_test.run(["feed", "--dry-run", "--dataset", foreign])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, rf"^kexp: --dataset {foreign}: no image dataset: it has no .*{name.decode()}\n$")

    def test_a_place_for_the_plan_that_cannot_be_is_named(self):
        self.fails(["--dry-run", "--out", self.dataset], 2, f"--out {self.dataset} cannot be a folder", "Not a directory")

    def test_no_broker_is_unavailable_and_leaves_no_run(self):
        done = self.feed("--servers", "127.0.0.1:1", "--run", "runs/none")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("127.0.0.1:1", done.stderr)
        self.assertIn("--servers", done.stderr)
        self.assertFalse(Path(self.folder.name, "runs/none").exists())

    def test_a_property_that_librdkafka_rejects_is_named(self):
        self.fails(["-X", "linger.sm=5", "--servers", "127.0.0.1:1"], 2, "-X", "linger.sm")
        self.fails(["-X", "linger.ms", "--dry-run"], 2, "-X", "linger.ms")


if __name__ == "__main__":
    kexp_test.main()
