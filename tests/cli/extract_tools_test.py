"""`kexp extract energy`, `patterns` and `wide` on a dataset that is there already, without any server."""

import csv
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.folder_case import FolderCase

START = 1795280000  # Unix seconds


def table(file, header, rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


ANSWER = ["errors", "idle", "pre", "inf", "post", "queue", "start_time", "end_time", "decode", "received_ms", "answer_partition", "answer_offset",
          "id", "done_time", "node", "pod"]  # The columns that are read.
LEVELS = [30, 120, 560, 850, 590, 680, 970, 650, 340, 30]  # of a day of 450 s


def load(second):
    place = second % 450 / 50
    low, high = LEVELS[int(place)], LEVELS[int(place) + 1]
    return round(low + (high - low) * (place % 1))


class ToolsTest(FolderCase):
    """A run of half an hour; its node burns with the load, 20 s later."""

    def setUp(self):
        super().setUp()
        self.run_dir = self.folder / "run"
        self.write_run()
        self.write_dataset()

    def write_run(self):
        self.run_dir.mkdir()
        (self.run_dir / "run.json").write_text('{"id": "r", "created": "2026-11-21T16:53:20.000Z"}\n')
        (self.run_dir / "feed.json").write_text(
            json.dumps({"event": "started", "time": "2026-11-21T16:53:20.000Z", "role": "feed", "run": "r", "settings": {}}) + "\n"
            + json.dumps({"event": "sending", "time": "2026-11-21T16:53:20.000Z", "t0_unix_ns": START * 10**9}) + "\n")
        table(self.run_dir / "seconds.csv", ["second", "sent_bytes"], [(s, load(s)) for s in range(1800)])
        table(self.run_dir / "results" / "1.csv", ANSWER,
              [(*[0] * 12, i, (START + i) * 1000, "w1", "a") for i in range(100)])

    def write_dataset(self):
        dataset = self.run_dir / "metrics"
        labels = '{"node_name":"w1","path":"/sys/class/powercap/intel-rapl:0","zone":"package"}'
        names = ["kepler_node_cpu_active_joules_total", "kepler_node_cpu_idle_joules_total", "up"]
        table(dataset / "series.csv", ["series_id", "source", "metric", "type", "labels"],
              [(i, "http://p", name, "gauge" if name == "up" else "counter", labels if i < 2 else "{}") for i, name in enumerate(names)])
        joules = 0
        rows = [[], [], []]
        for second in range(-10, 1811, 5):
            joules += load(second - 20) / 100
            for i, value in enumerate([joules, second + 10, 1]):
                rows[i].append((i, (START + second) * 1000, value))
        for i, name in enumerate(names):
            table(dataset / "samples" / f"{name}.csv", ["series_id", "ts_ms", "value"], rows[i])
        (dataset / "metadata.json").write_text(json.dumps({
            "format": "csv", "window": {"start_ms": (START - 10) * 1000, "end_ms": (START + 1810) * 1000},
            "metrics": {name: {"file": f"samples/{name}.csv"} for name in names}}))
        self.joules = joules - load(-30) / 100 + 1820

    def kexp(self, *arguments, expect=0):
        done = kexp_test.run(["extract", *map(str, arguments)])
        self.assertEqual(done.returncode, expect, done.stderr)
        return done.stdout if expect == 0 else done.stderr

    def test_energy_of_a_run_by_image(self):
        energy = json.loads(self.kexp("energy", self.run_dir, "--json"))
        self.assertEqual(energy["kind"], "measured")
        self.assertAlmostEqual(energy["total"]["joules"], self.joules, places=6)
        self.assertEqual(energy["total"]["images"], 100)
        self.assertAlmostEqual(energy["total"]["joules_per_image"], self.joules / 100, places=6)
        self.assertEqual(json.loads((self.run_dir / "metrics/energy.json").read_text()), energy)
        self.assertIn("measured", self.kexp("energy", self.run_dir))

    def test_energy_of_a_dataset_alone_has_no_images(self):
        energy = json.loads(self.kexp("energy", self.run_dir / "metrics", "--json"))
        self.assertIsNone(energy["total"]["images"])
        again = json.loads(self.kexp("energy", self.run_dir / "metrics", "--run", self.run_dir, "--json"))
        self.assertEqual(again["total"]["images"], 100)

    def test_patterns(self):
        patterns = json.loads(self.kexp("patterns", self.run_dir, "--json"))
        self.assertEqual([row["metric"] for row in patterns["moved"]], ["kepler_node_cpu_active_joules_total"])
        self.assertAlmostEqual(patterns["moved"][0]["lag_s"], 20, delta=5)
        self.assertEqual(patterns["counts"], {"moved": 1, "not_shown": 0, "flat": 2, "gaps": 0, "reset": 0})
        self.assertIn("kepler_node_cpu_active_joules_total (rate)", self.kexp("patterns", self.run_dir, "--max-lag", "1m"))
        with open(self.run_dir / "metrics/patterns.csv", newline="") as file:
            self.assertEqual(len(list(csv.DictReader(file))), 3)

    def test_wide(self):
        out = self.folder / "wide.csv"
        self.kexp("wide", self.run_dir, "-o", out, "--step", "10s")
        with open(out, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), ["time", "kepler_node_cpu_active_joules_total:rate", "kepler_node_cpu_idle_joules_total:rate", "up"])
        self.assertEqual(len(rows), 183)
        self.assertEqual((rows[5]["time"], float(rows[5]["kepler_node_cpu_idle_joules_total:rate"])), ("2026-11-21T16:54:00.000Z", 1.0))
        self.assertIn("--force", self.kexp("wide", self.run_dir, "-o", out, expect=2))
        self.kexp("wide", self.run_dir, "-o", out, "--force")

    def test_bad_input_is_named(self):
        self.assertIn("no dataset", self.kexp("energy", self.folder, expect=2))
        self.assertIn("--step", self.kexp("patterns", self.run_dir, "--step", "5x", expect=2))
        self.assertIn("--alpha", self.kexp("patterns", self.run_dir, "--alpha", "0", expect=2))
        self.assertIn("--start", self.kexp("--start", "1", "energy", self.run_dir, expect=2))
        self.assertIn(f"{self.run_dir} is a folder", self.kexp("--start", START, "--end", START + 1, "--wide", self.run_dir, expect=2))


if __name__ == "__main__":
    kexp_test.main()
