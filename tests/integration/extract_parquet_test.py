"""`kexp extract --format parquet` on a real Prometheus: the same tables as CSV, read back by pyarrow to the last bit."""

import csv
import hashlib
import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import small_disk
from kexp_test.history_case import HistoryCase


def import_parquet():
    """pyarrow.parquet out of the wheel that kexp_arrow.so is built with."""
    kexp_test.require(sys.version_info[:2] == (3, 11), "the wheel's Python part is for Python 3.11")
    sys.path.insert(0, str(kexp_test.fetched("wheel", "pyarrow")))
    sys.modules["numpy"] = None  # not needed, and Debian's is too old for pyarrow, which would then refuse to load
    import pyarrow.parquet

    return pyarrow.parquet


class ExtractParquetTest(HistoryCase):
    """Half an hour of one sample a second."""

    length = 1800

    @classmethod
    def setUpClass(cls):
        module = re.search("Parquet module (.*)", kexp_test.run(["--version"]).stdout)[1]
        kexp_test.require(Path(module).exists(), "this build has no kexp_arrow.so")
        cls.parquet = import_parquet()
        super().setUpClass()

    @classmethod
    def write(cls, lines):
        rng = random.Random(7)
        seconds = range(cls.start, cls.end + 1)
        special = ["NaN", "+Inf", "-Inf", "-0.0", "0", "5e-324", "1.7976931348623157e+308", "0.1"]
        for name, kind, value in (("odd", "gauge", lambda t: special[t % len(special)]), ("noise", "gauge", lambda _: repr(rng.gauss(50, 10))),
                                  ("level", "gauge", lambda t: f"{t % 977 / 7:.3f}"), ("work", "counter", lambda t: str((t - cls.start) * 3))):
            lines.write(f"# TYPE {name} {kind}\n")
            for pod in ("a", 'b "quoted", größer'):
                label = pod.replace('"', '\\"')
                for t in seconds:
                    lines.write(f'{name}{"_total" if kind == "counter" else ""}{{job="test",pod="{label}"}} {value(t)} {t}\n')
        lines.write("# TYPE up gauge\n")
        for t in seconds:
            lines.write(f'up{{job="test"}} 1 {t}\n')

    def extract(self, out, *more, form="parquet", expect=0, env=None):
        done = kexp_test.run(["extract", "--prometheus", self.prometheus.url, "--start", self.start, "--end", self.end,
                              "--match", '{job="test"}', "--format", form, "--out", self.folder / out, *more], timeout=120, env=env)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done

    def columns(self, file):
        """{name: values}, times as Unix milliseconds."""
        table = self.parquet.read_table(self.folder / file)
        columns = {}
        for name, column in zip(table.column_names, table.columns):
            columns[name] = column.cast("int64").to_pylist() if str(column.type) == "timestamp[ms, tz=UTC]" else column.to_pylist()
        return columns

    def metadata(self, out):
        return json.loads((self.folder / out / "metadata.json").read_text(encoding="utf-8"))

    def test_has_what_csv_has_to_the_last_bit(self):
        self.extract("csv", form="csv")
        self.extract("parquet")

        metrics = ["level", "noise", "odd", "up", "work_total"]
        self.assertEqual(sorted(file.name for file in (self.folder / "parquet/samples").iterdir()), [f"{metric}.parquet" for metric in metrics])
        for table in ["series"] + [f"samples/{metric}" for metric in metrics]:
            with open(self.folder / f"csv/{table}.csv", newline="", encoding="utf-8") as lines:
                wanted = list(csv.DictReader(lines))
            columns = self.columns(f"parquet/{table}.parquet")
            self.assertEqual(list(columns), list(wanted[0]))
            for name, values in columns.items():
                self.assertEqual(list(map(same, values)), [same(type(values[0])(row[name])) for row in wanted], f"{table}, {name}")
        self.assertEqual(len(self.columns("parquet/samples/odd.parquet")["value"]), 2 * (self.length + 1))

    def test_types_are_those_that_pandas_wants(self):
        self.extract("out")
        samples = self.parquet.read_schema(self.folder / "out/samples/odd.parquet")
        self.assertEqual([(field.name, str(field.type)) for field in samples],
                         [("series_id", "int64"), ("ts_ms", "timestamp[ms, tz=UTC]"), ("value", "double")])
        series = {field.name: str(field.type) for field in self.parquet.read_schema(self.folder / "out/series.parquet")}
        self.assertEqual(series["first_ms"], "timestamp[ms, tz=UTC]")
        self.assertEqual({series[name] for name in ("source", "metric", "type", "pod", "labels")}, {"string"})

    def test_metadata_has_the_files_and_the_connections_change_nothing(self):
        self.extract("one", "--connections", 1)
        self.extract("four", "--connections", 4)
        metadata = self.metadata("one")
        self.assertEqual(metadata["files"], self.metadata("four")["files"])
        self.assertEqual(metadata["format"], "parquet")
        self.assertEqual(metadata["metrics"]["noise"]["file"], "samples/noise.parquet")
        files = {str(file.relative_to(self.folder / "one")) for file in (self.folder / "one").rglob("*") if file.is_file()}
        self.assertEqual(files, set(metadata["files"]) | {"metadata.json", "energy.csv", "energy.json"})
        for name, entry in metadata["files"].items():
            content = (self.folder / "one" / name).read_bytes()
            self.assertEqual((entry["bytes"], entry["sha256"]), (len(content), hashlib.sha256(content).hexdigest()))
            self.assertEqual(entry["rows"], self.parquet.read_metadata(self.folder / "one" / name).num_rows)

    def test_the_wide_table_is_the_same_in_both_formats(self):
        self.extract("out", "--wide", self.folder / "wide.parquet", "--step", "10s")
        done = kexp_test.run(["extract", "wide", self.folder / "out", "-o", self.folder / "wide.csv", "--step", "10s"])
        self.assertEqual(done.returncode, 0, done.stderr)
        table = self.parquet.read_table(self.folder / "wide.parquet")
        with open(self.folder / "wide.csv", newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
        self.assertEqual(table.column_names, header)
        self.assertEqual(str(table.schema.field("time").type), "timestamp[ms, tz=UTC]")
        for index, name in enumerate(header[1:], 1):
            self.assertEqual([same(value) for value in table.column(name).to_pylist()], [same(float(row[index])) for row in rows], name)
        for pod in ("a", 'b "quoted", größer'):
            rates = table.column(f"work_total:rate{{pod={pod}}}").to_pylist()
            self.assertEqual(set(rates[2:]), {3.0})
            self.assertEqual(len(rates), self.length // 10 + 1)

    def test_a_full_disk_is_named_once_and_the_extraction_goes_on_when_there_is_room(self):
        disk = small_disk(self, self.folder / "disk", "32k")  # one metric fits, all do not
        done = self.extract("disk/out", "--connections", 1, expect=1)
        self.assertRegex(done.stderr, rf"1 of 5 metrics are kept in {disk}/.out.partial: .* goes on\nkexp: cannot (write|keep samples in) "
                         rf"{disk}/.*: No space left on device\n$")
        self.assertEqual({file.name for file in disk.iterdir()}, {".out.partial", ".out.journal"})
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        self.assertIn("resumed metrics_done=1", self.extract("disk/out").stderr)
        self.assertEqual([file.name for file in disk.iterdir()], ["out"])

    def test_a_build_without_arrow_says_how_to_get_it(self):
        done = self.extract("out", expect=2, env={"KEXP_LIB_DIR": str(self.folder)})
        self.assertIn("--format parquet", done.stderr)
        self.assertIn("scripts/bootstrap.sh", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])


def same(value):
    """What is equal for a value of equal bits; all NaN of CSV are one."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value.hex()
    return value


if __name__ == "__main__":
    kexp_test.main()
