"""`kexp extract` on a real Prometheus: every point that it has, none that it has not."""

import csv
import json
import math
import signal
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import OnTerminal, small_disk
from kexp_test.folder_case import FolderCase
from kexp_test.history_case import HistoryCase
from kexp_test.http_server import Answer, HttpServer


def rows(file):
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines))


def api(url, path, **parameters):
    with urllib.request.urlopen(f"{url}/api/v1/{path}?" + urllib.parse.urlencode(parameters), timeout=60) as answer:
        return json.load(answer)["data"]["result"]


class ExtractCase(FolderCase):
    def extract(self, url, start, end, *more, out="out", expect=0):
        done = kexp_test.run(["extract", "--prometheus", url, "--start", f"{start:.3f}", "--end", f"{end:.3f}",
                              "--out", self.folder / out, *more], timeout=120)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done

    def samples(self, metric, out="out"):
        """{labels: [(time in ms, value)]} of a metric, checked against series.csv and metadata.json."""
        folder = self.folder / out
        labels = {row["series_id"]: row for row in rows(folder / "series.csv") if row["metric"] == metric}
        found = {}
        for row in rows(folder / "samples" / f"{metric}.csv"):
            series = tuple(sorted(json.loads(labels[row["series_id"]]["labels"]).items())) + (("source", labels[row["series_id"]]["source"]),)
            found.setdefault(series, []).append((int(row["ts_ms"]), float(row["value"])))
        for row in labels.values():
            series = tuple(sorted(json.loads(row["labels"]).items())) + (("source", row["source"]),)
            points = found[series]
            times = [t for t, _ in points]
            self.assertEqual(times, sorted(set(times)), "a point twice, or out of order")
            self.assertEqual((len(points), times[0], times[-1]), (int(row["samples"]), int(row["first_ms"]), int(row["last_ms"])))
        return found


class LiveTest(ExtractCase):
    """A scraped target that goes away."""

    def test_has_every_scraped_value_and_nothing_after_the_end(self):
        counter = 0

        def exposition(_):
            nonlocal counter
            counter += 3
            now = int(time.time() * 1000)
            return Answer((f"# TYPE work_total counter\nwork_total {counter}\n# TYPE level gauge\nlevel{{kind=\"nan\"}} NaN\n"
                           f"level{{kind=\"inf\"}} +Inf\n# TYPE stamped gauge\nstamped {counter} {now}\n").encode())

        target = HttpServer(exposition)
        with kexp_test.LocalPrometheus(scrape_interval=1) as prometheus:
            Path(prometheus.sd_dir, "target.json").write_text(json.dumps([{"targets": [target.target], "labels": {"role": "test"}}]))

            def scrapes():
                result = prometheus.query("count_over_time(work_total[1m])")
                return result and int(result[0]["value"][1]) >= 8

            started = time.time() - 5
            kexp_test.wait_until(scrapes, 60, "eight scrapes")
            target.close()
            # The end mark is written by the next scrape, which fails; then a plain query shows nothing of the counter any more.
            kexp_test.wait_until(lambda: prometheus.query("up{role=\"test\"} == 0"), 30, "a failed scrape")
            kexp_test.wait_until(lambda: prometheus.query("time() - max(timestamp(stamped)) > 6"), 30, "some time without the target")
            ended = time.time()
            self.extract(prometheus.url, started, ended, "--sampling", 1, "--match", "work_total", "--match", '{__name__=~"level|stamped|up"}')
            window = f"[{math.ceil(ended - started)}s]"
            raw = {r["metric"]["__name__"]: [(round(float(t) * 1000), float(v)) for t, v in r["values"]]
                   for name in ("work_total", "stamped") for r in api(prometheus.url, "query", query=name + window, time=ended)}
            for name in raw:
                (points,) = self.samples(name).values()
                self.check_points(points, raw[name], started, ended)
            # The failed scrape, which comes one interval after the last good one, marks the end of the counter; a series with timestamps of
            # its own has no end mark.
            (up,) = api(prometheus.url, "query", query='up{role="test"}' + window, time=ended)
            (points,) = self.samples("work_total").values()
            self.assertLess(points[-1][0], next(float(t) for t, value in up["values"] if value == "0") * 1000)
            metadata = json.loads((self.folder / "out/metadata.json").read_text())
            interval = metadata["servers"][0]["scrape_interval_s"]["kexp"]
            self.assertAlmostEqual(interval, 1, delta=0.1)
            (scraped,) = [one for one in metadata["servers"][0]["targets"] if one["job"] == "kexp"]
            self.assertEqual((scraped["instance"], scraped["labels"]["role"], scraped["scrape_interval_s"]),
                             (target.target, "test", 1))
            (points,) = self.samples("stamped").values()
            self.assertLessEqual(points[-1][0], raw["stamped"][-1][0] + 1500 * interval)
            # What the tail rule is for: without it, this series without end marks goes on.
            (plain,) = api(prometheus.url, "query_range", query="stamped", start=started, end=ended, step=1)
            self.assertGreater(float(plain["values"][-1][0]) * 1000, raw["stamped"][-1][0] + 4000)

            self.check_stored_samples(prometheus.url, started, ended, raw)

            levels = {dict(series)["kind"]: values for series, values in self.samples("level").items()}
            self.assertTrue(all(math.isnan(value) for _, value in levels["nan"]))
            self.assertTrue(all(value == math.inf for _, value in levels["inf"]))

    def check_stored_samples(self, url, started, ended, raw):
        """Remote read: the very samples, and the counter's end beside them, which the server does not count as a sample either."""
        self.extract(url, started, ended, "--match", '{__name__=~"work_total|stamped"}', "--verify", out="stored")
        for name, samples in raw.items():
            (stored,) = self.samples(name, "stored").values()
            self.assertEqual(stored, samples)
        metrics = {row["series_id"]: row["metric"] for row in rows(self.folder / "stored/series.csv")}
        (end,) = rows(self.folder / "stored/ends.csv")
        self.assertEqual(metrics[end["series_id"]], "work_total")
        self.assertGreater(int(end["ts_ms"]), raw["work_total"][-1][0])

    def check_points(self, points, raw, started, ended):
        """Each point has the newest raw value, and none is missing where there is a fresh one."""
        extracted = dict(points)
        for t in range(math.ceil(started) * 1000, math.floor(ended) * 1000 + 1, 1000):
            before = [(ts, value) for ts, value in raw if ts <= t]
            if t in extracted:
                self.assertTrue(before, f"{t} is before the first sample")
                self.assertEqual(extracted[t], before[-1][1])
                self.assertLessEqual(t - before[-1][0], 1600)
            elif before:
                self.assertGreater(t - before[-1][0], 900, f"no point at {t}, though there is a sample of {before[-1][0]}")


class HistoryTest(HistoryCase, ExtractCase):
    """Four hours of one sample a second: more points than one query may have."""

    length = 4 * 3600

    @classmethod
    def write(cls, lines):
        seconds = range(cls.start, cls.end + 1)
        lines.write("# TYPE wave gauge\n")
        for name, interval, last in (("whole", 1, cls.end), ("short", 1, cls.start + 5000), ("slow", 30, cls.end)):
            for t in seconds:
                if (t - cls.start) % interval == 0 and t <= last:
                    lines.write(f'wave{{job="{"slow" if interval > 1 else "fast"}",name="{name}"}} {cls.value(t)} {t}\n')
        lines.write("# TYPE up gauge\n")
        for t in seconds:
            lines.write(f'up{{job="fast"}} 1 {t}\n')
        for t in seconds[::30]:
            lines.write(f'up{{job="slow"}} 1 {t}\n')

    @staticmethod
    def value(t):
        return t % 977 / 7

    def waves(self, out="out"):
        return {dict(series)["name"]: points for series, points in self.samples("wave", out).items()}

    def test_reads_a_window_of_more_points_than_a_query_may_have(self):
        done = self.extract(self.prometheus.url, self.start, self.end, "--sampling", 1, "--match", "wave", "--json")
        waves = self.waves()
        self.assertEqual(waves["whole"], [(t * 1000, self.value(t)) for t in range(self.start, self.end + 1)])
        # A second and a half of a job that is scraped each second; there is no end mark in these blocks.
        self.assertEqual([t // 1000 for t, _ in waves["short"]], list(range(self.start, self.start + 5002)))
        self.assertEqual(waves["slow"], [(t * 1000, self.value(t - (t - self.start) % 30)) for t in range(self.start, self.end + 1)])
        self.assertEqual(json.loads(done.stdout)["samples"], sum(map(len, waves.values())))

    def test_has_every_stored_sample_of_the_window(self):
        start, end = self.start + 100, self.end - 100
        done = self.extract(self.prometheus.url, start, end, "--match", "wave", "--json")
        waves = self.waves()
        self.assertEqual(waves["whole"], [(t * 1000, self.value(t)) for t in range(start, end + 1)])
        self.assertEqual(waves["short"], [(t * 1000, self.value(t)) for t in range(start, self.start + 5001)])
        self.assertEqual(waves["slow"], [(t * 1000, self.value(t)) for t in range(self.start, end + 1, 30) if t >= start])
        self.assertEqual(json.loads(done.stdout)["samples"], sum(map(len, waves.values())))

    def test_verify_counts_what_the_server_has(self):
        done = self.extract(self.prometheus.url, self.start, self.end, "--match", "wave", "--match", '{job="slow"}', "--verify")
        self.assertIn("verified every metric has as many samples as the servers count", done.stdout)
        metadata = json.loads((self.folder / "out/metadata.json").read_text())
        self.assertEqual(metadata["verified"], {"differences": []})

    def test_the_window_may_be_local_time_or_milliseconds(self):
        local = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.start + 3 * 3600))  # TZ=XYZ-3 is three hours ahead.
        done = kexp_test.run(["extract", "--prometheus", self.prometheus.url, "--start", local, "--end", f"{self.start + 60}000", "--match", "wave",
                              "--out", self.folder / "out"], env={"TZ": "XYZ-3"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.waves()["whole"][0][0], self.start * 1000)
        self.assertIn(f"here     {local}.000 +03:00", done.stdout)

    def test_legacy_files_are_read_as_they_used_to_be(self):
        done = self.extract(self.prometheus.url, self.start, self.start + 5000, "--match", "wave", "--format", "legacy", "--sampling", 5, "--n_threads", 8,
                            "--segment_size", 2000, "--json")
        found = {}
        files = sorted((self.folder / "out/wave").glob("*.json"))
        self.assertEqual([file.name for file in files],
                         [f"{self.start + a}-{self.start + b}.json" for a, b in ((0, 2000), (2000, 4000), (4000, 5000))])
        points = 0
        for file in files:
            for series in json.loads(file.read_text())["data"]["result"]:
                points += len(series["values"])
                found.setdefault(json.dumps(series["metric"]), {}).update({t: float(value) for t, value in series["values"]})
        self.assertEqual(points, sum(map(len, found.values())), "a point is in two files")
        self.assertEqual(json.loads(done.stdout)["samples"], points)
        whole = found[json.dumps({"__name__": "wave", "job": "fast", "name": "whole"})]
        self.assertEqual(whole, {t: self.value(t) for t in range(self.start, self.start + 5001, 5)})

    def test_several_selectors_take_each_sample_once(self):
        self.extract(self.prometheus.url, self.start, self.start + 300, "--match", '{job="fast"}', "--match", '{name=~"slow|whole"}')
        self.assertEqual({name: len(points) for name, points in self.waves().items()}, {"short": 301, "slow": 11, "whole": 301})

    def test_a_selector_without_a_sample_is_named(self):
        wrong = ['{job="fsat"}', '{name="short"}']  # The second one has samples before the window, in the same block.
        done = self.extract(self.prometheus.url, self.start + 6000, self.start + 6300, "--match", '{name="whole"}', "--match", wrong[0], "--match", wrong[1])
        for selector in wrong:
            self.assertIn(f"match={selector} has no sample in the window", done.stderr)
        metadata = json.loads((self.folder / "out/metadata.json").read_text())
        self.assertEqual(metadata["selectors_without_samples"], wrong)

    def test_has_as_many_rows_as_the_server_has_samples(self):
        # Samples lie on this grid, each is one point; the slow job is read at its own distance.
        for job, step in (("fast", 1), ("slow", 30)):
            self.extract(self.prometheus.url, self.start, self.start + 4990, "--sampling", step, "--match", f'wave{{job="{job}"}}', out=job)
            counted = api(self.prometheus.url, "query", query=f'sum(count_over_time(wave{{job="{job}"}}[4990s]))', time=self.start + 4990)
            self.assertEqual(sum(map(len, self.waves(job).values())), int(counted[0]["value"][1]))

    def test_agrees_with_a_query_of_the_server(self):
        start, end = self.start + 123.4, self.start + 9000.9
        self.extract(self.prometheus.url, start, end, "--sampling", 7, "--match", 'wave{name="whole"}')
        first = math.ceil(start / 7) * 7
        (direct,) = api(self.prometheus.url, "query_range", query='wave{name="whole"}', start=first, end=end, step=7)
        self.assertEqual(self.waves()["whole"], [(t * 1000, float(value)) for t, value in direct["values"]])

    def test_points_do_not_depend_on_the_window(self):
        self.extract(self.prometheus.url, self.start, self.end, "--sampling", 5, "--match", "wave", out="all")
        self.extract(self.prometheus.url, self.start + 1001.5, self.start + 2002.5, "--sampling", 5, "--match", "wave", out="part")
        part = self.waves("part")["whole"]
        self.assertEqual(part, [(t, v) for t, v in self.waves("all")["whole"] if part[0][0] <= t <= part[-1][0]])
        self.assertEqual(len(part), 200)

    def test_the_files_do_not_depend_on_the_connections(self):
        entries = []
        for connections in (1, 4):
            self.extract(self.prometheus.url, self.start, self.end, "--connections", connections, out=f"c{connections}")
            entries.append(json.loads((self.folder / f"c{connections}/metadata.json").read_text())["files"])
        self.assertEqual(entries[0], entries[1])

    def test_two_servers_stay_apart(self):
        other = self.prometheus.url.replace("127.0.0.1", "localhost")
        self.extract(self.prometheus.url, self.start, self.start + 60, "--match", 'wave{name="whole"}', "--prometheus", other)
        series = rows(self.folder / "out/series.csv")
        self.assertEqual([row["source"] for row in series], [self.prometheus.url, other])
        self.assertEqual(len(set(row["series_id"] for row in series)), 2)
        self.assertEqual(len(rows(self.folder / "out/samples/wave.csv")), 2 * 61)

    def test_an_empty_window_says_what_there_is(self):
        done = self.extract(self.prometheus.url, self.start - 7200, self.start - 3600, expect=1)
        oldest = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.start))
        self.assertIn(f"{self.prometheus.url} has samples from {oldest}", done.stderr)
        self.assertIn("retention 15d", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_metric_without_samples_is_an_empty_window_too(self):
        done = self.extract(self.prometheus.url, self.start, self.end, "--match", "nonsense", expect=1)
        self.assertIn("nonsense", done.stderr)

    def test_bad_flags_are_found_before_anything_is_written(self):
        for start, end, more, flag in ((self.end, self.start, [], "--start"), (self.start, time.time() + 3600, [], "--end"),
                                       (self.start, self.end, ["--match", "rate(up[5m])"], "--match"),
                                       (self.start, self.end, ["--match", 'up{job=~"["}'], "--match"),
                                       (self.start, self.end, ["--sampling", 0], "--sampling"),
                                       (self.start, self.end, ["--format", "hdf5"], "--format")):
            done = self.extract(self.prometheus.url, start, end, *more, expect=2)
            self.assertIn(flag, done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_dataset_is_replaced_only_when_asked_to(self):
        self.extract(self.prometheus.url, self.start, self.start + 60, "--match", "wave")
        done = self.extract(self.prometheus.url, self.start, self.start + 60, "--match", "up", expect=2)
        self.assertIn("--force", done.stderr)
        self.extract(self.prometheus.url, self.start, self.start + 60, "--match", "up", "--force")
        self.assertEqual([file.name for file in (self.folder / "out/samples").iterdir()], ["up.csv"])

    def test_a_full_disk_is_named_and_nothing_is_left(self):
        disk = small_disk(self, self.folder / "disk")
        done = self.extract(self.prometheus.url, self.start, self.end, "--sampling", 1, "--match", "wave", out="disk/out", expect=1)
        self.assertRegex(done.stderr, rf"kexp: cannot (write|keep samples in) {disk}/.*: No space left on device\n$")
        self.assertEqual(list(disk.iterdir()), [])


class OutsideTest(ExtractCase):
    """Servers that do not answer as they should."""

    def test_no_prometheus(self):
        done = self.extract(f"http://127.0.0.1:{kexp_test.free_port()}", 1795280000, 1795280100, expect=3)
        self.assertIn("--prometheus", done.stderr)

    def test_something_else_than_a_prometheus(self):
        server = HttpServer(lambda _: Answer(b"<html>Welcome to the printer</html>"))
        self.addCleanup(server.close)
        done = self.extract(server.url, 1795280000, 1795280100, expect=3)
        self.assertIn("another way than Prometheus", done.stderr)

    def test_who_we_are_is_sent_and_never_shown(self):
        server = HttpServer(lambda _: Answer(b"who are you?", status=401))
        self.addCleanup(server.close)
        for flags, env, header, value in (([], {"PROMETHEUS_BEARER_TOKEN": "s3cret"}, "Authorization", "Bearer s3cret"),
                                          (["--user", "me"], {"PROMETHEUS_PASSWORD": "s3cret"}, "Authorization", "Basic bWU6czNjcmV0"),
                                          (["--header", "X-Scope-OrgID: s3cret"], {}, "X-Scope-OrgID", "s3cret")):
            done = kexp_test.run(["extract", "--prometheus", server.url, "--start", "1795280000", "--end", "1795280100", "--log-level", "debug",
                                  "--out", self.folder / "out", *flags], env=env)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertEqual(server.requests[-1].headers.get(header), value)
            self.assertNotIn("s3cret", done.stdout + done.stderr)

    def test_a_half_identity_is_refused_without_showing_it(self):
        window = ["extract", "--start", "1795280000", "--end", "1795280100"]
        for flags, said in ((["--password", "s3cret"], "--user"), (["--header", "s3cret"], "--header"), (["--client-key", "/s3cret.pem"], "client key"),
                            (["--bearer-token", "s3cret", "--user", "me"], "bearer token")):
            done = kexp_test.run([*window, *flags])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)
            self.assertNotIn(" s3cret", done.stderr)

    def test_a_run_that_is_none_is_named(self):
        done = kexp_test.run(["extract", "--run", self.folder / "nowhere"])
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(f"--run {self.folder}/nowhere is no run: there is no such folder", done.stderr)

    def hanging(self):
        """A server whose range queries wait for `release`; `asked` is set by the first of them."""
        asked, release = threading.Event(), threading.Event()

        def answer(request):
            if "query_range" in request.path:
                asked.set()
                release.wait(60)
                return Answer(b'{"status":"success","data":{"resultType":"matrix","result":'
                              b'[{"metric":{"__name__":"up"},"values":[[1795280000,"1"],[1795280005,"1"]]}]}}')
            if "/label/" in request.path:
                return Answer(b'{"status":"success","data":["up"]}')
            if "/series" in request.path:
                return Answer(b'{"status":"success","data":[{"__name__":"up"}]}')
            if request.path.endswith("/query"):
                return Answer(b'{"status":"success","data":{"resultType":"matrix","result":[]}}')
            return Answer(b'{"status":"success","data":{}}')

        server = HttpServer(answer)
        self.addCleanup(server.close)
        self.addCleanup(release.set)
        return ["extract", "--prometheus", server.url, "--start", 1795280000, "--end", 1795280100, "--out", self.folder / "out"], asked, release

    def test_a_second_ctrl_c_is_an_interruption_too_and_the_next_extraction_cleans_up(self):
        args, asked, release = self.hanging()
        with kexp_test.Process(args) as extract:
            self.assertTrue(asked.wait(30), extract.output())
            extract.signal(signal.SIGINT)
            extract.signal(signal.SIGINT)
            self.assertEqual(extract.wait(30), 130, extract.output())
        self.assertFalse((self.folder / "out").exists())
        release.set()
        done = kexp_test.run(args)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([file.name for file in self.folder.iterdir()], ["out"])

    def test_a_terminal_that_is_gone_does_not_end_it(self):
        args, asked, release = self.hanging()
        extract = OnTerminal(args)
        self.addCleanup(extract.close)
        self.assertTrue(asked.wait(30))
        extract.hang_up()
        release.set()
        self.assertEqual(extract.wait(), 0)
        self.assertTrue((self.folder / "out/metadata.json").exists())

    def test_ctrl_c_ends_a_query_that_hangs_and_leaves_nothing(self):
        args, asked, _ = self.hanging()
        with kexp_test.Process(args) as extract:
            self.assertTrue(asked.wait(30), extract.output())
            extract.signal(signal.SIGINT)
            self.assertEqual(extract.wait(30), 130, extract.output())
            self.assertIn("nothing was written", extract.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    kexp_test.main()
