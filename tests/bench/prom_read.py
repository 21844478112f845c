#!/usr/bin/env python3
"""Reads 1000 series of 5760 samples out of a real Prometheus: by kexp's reader, by `kexp extract` from its start to its end, by range
queries whose answers nobody reads (curl, to see what the server can do), and the way it was done before (range queries of 2000 s with a
step of 5 s, parsed and written as indented JSON by 8 threads), here written anew.

    prom_read.py [--build build/release] [--only reader|extract|bare|old|window|wide]

`window` and `wide` run only when asked for: 100 million samples (1000 series over 5.8 days), and a metric of 100,000 series, once each, with
the memory of both sides. Needs that build's bin/kexp, and with -DKEXP_BENCHMARKS=ON bin/prom_read_bench for the reader and bin/prom_fill for
`window` and `wide`. The series are the same each time (a seed); Prometheus' blocks of them are made once, in the cache (2 minutes, those of
`window` 5 minutes and 0.5 GB). One line of JSON per figure; best of 5.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

METRICS, SERIES, SAMPLES, STEP = 100, 10, 5760, 5
START = 1706598615
END = START + SAMPLES * STEP
SEGMENT = 2000
WINDOW = (100, 10, 100_000)  # metrics, series of each, samples of each
WIDE = (1, 100_000, 60)
OLD_WAY_METRICS = 20  # of 100: it takes long enough
OLD_WAY_THREADS = 8
REPETITIONS = 5

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "kexp"


def values_of(metric, rng):
    """Half counters, a tenth each of constants, small integers; noise with all its digits for the rest."""
    if metric % 2 == 0:
        total = 0
        for _ in range(SAMPLES):
            total = 0 if rng.random() < 0.0002 else total + rng.randrange(500)
            yield total
    elif metric % 10 == 1:
        constant = rng.randrange(10)
        for _ in range(SAMPLES):
            yield constant
    elif metric % 10 == 3:
        for _ in range(SAMPLES):
            yield rng.randrange(100)
    else:
        for _ in range(SAMPLES):
            yield rng.gauss(50, 10)


def write_open_metrics(path):
    rng = random.Random(1)
    with open(path, "w", encoding="ascii", buffering=1 << 22) as out:
        for metric in range(METRICS):
            counter = metric % 2 == 0
            name = f"kexp_bench_{metric:03d}"
            out.write(f"# TYPE {name} {'counter' if counter else 'gauge'}\n")
            for series in range(SERIES):
                labels = (f'{name}{"_total" if counter else ""}{{instance="node-{series % 5}:9100",job="node-exporter",'
                          f'namespace="monitoring",pod="pod-{series:02d}-abcdef12",container="c{series}"}}')
                for i, value in enumerate(values_of(metric, rng)):
                    jitter = rng.randrange(3)  # milliseconds, as real scrapes have it
                    out.write(f"{labels} {value!r} {START + i * STEP}.{137 + jitter}\n")
        out.write("# EOF\n")


def fetch(program):
    return subprocess.run([ROOT / "scripts/lib/fetch.sh", program], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def make_blocks():
    """The folder of Prometheus' blocks; made once."""
    folder = CACHE / "bench" / "prom_read-1"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        work = pathlib.Path(work)
        write_open_metrics(work / "series.om")
        (work / "data").mkdir()
        subprocess.run([fetch("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet", work / "series.om", work / "data"],
                       check=True, stdout=subprocess.DEVNULL)
        (work / "data").rename(folder)
    return folder


def fill_blocks(filler, name, shape):
    """The same of series that are written to a Prometheus."""
    folder = CACHE / "bench" / f"prom_read-{name}-1"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with Prometheus(None, "--web.enable-remote-write-receiver") as server:
            subprocess.run([filler, server.url, *map(str, shape), str(START * 1000), str(STEP * 1000)], check=True)
            server.stop()
            shutil.copytree(server.data, f"{folder}.new")
        os.rename(f"{folder}.new", folder)
    return folder


class Prometheus:
    """One on a free port of 127.0.0.1, with a copy of the blocks."""

    def __init__(self, blocks, *flags):
        self.folder = tempfile.TemporaryDirectory(dir=CACHE / "bench")
        folder = pathlib.Path(self.folder.name)
        self.data = folder / "data"
        if blocks:
            shutil.copytree(blocks, self.data)
        (folder / "prometheus.yml").write_text("global: {}\n")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [fetch("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={self.data}",
             "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{self.port}", *flags], stderr=subprocess.DEVNULL)

    def __enter__(self):
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.__exit__()
                raise SystemExit("Prometheus did not get ready")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def is_ready(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self):
        """Resident memory: all of it, and what is its own; the rest are pages of its files, which the system takes back when it needs them."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        kilobytes = {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith(("VmRSS:", "RssAnon:"))}
        return kilobytes["VmRSS:"] / 1000, kilobytes["RssAnon:"] / 1000


class Peak:
    """The most memory of a server while a block runs, looked at 20 times a second."""

    def __init__(self, server):
        self.server = server
        self.before = self.most = server.memory_mb()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ended.wait(0.05):
            self.most = tuple(map(max, self.most, self.server.memory_mb()))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.most = tuple(map(max, self.most, self.server.memory_mb()))

    def figures(self):
        (rss, own), (most_rss, most_own) = self.before, self.most
        return {"server_mb_before": round(rss), "server_mb_peak": round(most_rss), "server_rise_mb": round(most_rss - rss),
                "server_rise_of_its_own_mb": round(most_own - own)}


def name_of(metric):
    return f"kexp_bench_{metric:03d}" + ("_total" if metric % 2 == 0 else "")


def ask_bare(server, what, expression):
    """Range queries of all metrics, each over the whole window, by two curls that throw the answers away."""
    first = -(-START // STEP) * STEP

    def curl(metrics):
        lines = []
        for metric in metrics:
            query = urllib.parse.urlencode({"query": expression.format(name_of(metric)), "start": first, "end": END, "step": STEP})
            lines += [f'url = "{server.url}/api/v1/query_range?{query}"', 'output = "/dev/null"']
        subprocess.run(["curl", "--silent", "--show-error", "--fail", "--config", "-"], input="\n".join(lines), text=True, check=True)

    runs = []
    for _ in range(REPETITIONS):
        begin, used = time.monotonic(), server.cpu_s()
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            list(threads.map(curl, [range(0, METRICS, 2), range(1, METRICS, 2)]))
        runs.append((time.monotonic() - begin, server.cpu_s() - used))
    seconds, used = min(runs)
    show(f"the server alone, {what}", METRICS * SERIES * SAMPLES, seconds, server_cpu_s=round(used, 2))


def read_metric_the_old_way(port, folder, metric):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    points = 0
    name = name_of(metric)
    for start in range(START, END, SEGMENT):
        end = min(start + SEGMENT, END)
        query = urllib.parse.urlencode({"query": name, "start": start, "end": end, "step": f"{STEP}s"})
        connection.request("GET", f"/api/v1/query_range?{query}", headers={"Accept-Encoding": "identity"})
        answer = json.loads(connection.getresponse().read())
        points += sum(len(series["values"]) for series in answer["data"]["result"])
        with open(f"{folder}/{name}-{start}-{end}.json", "w", encoding="utf-8") as out:
            json.dump(answer, out, indent=4)
    connection.close()
    return points


def read_the_old_way(port):
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(OLD_WAY_THREADS) as threads:
        begin = time.monotonic()
        points = sum(threads.map(lambda metric: read_metric_the_old_way(port, folder, metric), range(OLD_WAY_METRICS)))
        seconds = time.monotonic() - begin
        size = sum(file.stat().st_size for file in pathlib.Path(folder).iterdir())
    show(f"the old way, {OLD_WAY_METRICS} of {METRICS} metrics, {OLD_WAY_THREADS} threads", points, seconds, size)


def show(what, samples, seconds, size=None, **more):
    if size is not None:
        more = {"bytes_per_sample": round(size / samples, 2), **more}
    print(json.dumps({"what": what, "samples": samples, "seconds": round(seconds, 3), "million_samples_per_s": round(samples / seconds / 1e6, 2),
                      **more}), flush=True)


def extract_once(kexp, server, end, folder, flags):
    """Wall seconds, result, resources and the server's CPU time of one extraction, the start of the program among them."""
    command = [kexp, "extract", "--prometheus", server.url, "--start", str(START), "--end", str(end),
               "--match", '{__name__=~"kexp_bench_.+"}', "--out", f"{folder}/out", "--json", *flags]
    begin, server_used = time.monotonic(), server.cpu_s()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        result = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {process.returncode}")
    return time.monotonic() - begin, result, used, server.cpu_s() - server_used


def extract(kexp, server, what, *flags):
    runs = []
    for _ in range(REPETITIONS):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(extract_once(kexp, server, END, folder, flags))
    seconds, result, used, server_used = min(runs, key=lambda run: run[0])
    show(f"kexp extract, {what}", result["samples"], seconds, result["bytes"], cpu_s=round(used.ru_utime + used.ru_stime, 3),
         server_cpu_s=round(server_used, 2), rss_mb=round(max(run[2].ru_maxrss for run in runs) / 1000))


def extract_large(programs, what, shape):
    """Once, with the most memory of both sides."""
    _, _, samples = shape
    with Prometheus(fill_blocks(programs["fill"], what, shape)) as server:
        for form in ("parquet", "csv"):
            with tempfile.TemporaryDirectory(dir=CACHE / "bench") as folder, Peak(server) as peak:
                seconds, result, used, _ = extract_once(programs["extract"], server, START + samples * STEP, folder, ["--format", form])
            show(f"kexp extract, {what}, {form}", result["samples"], seconds, result["bytes"], series=result["series"],
                 cpu_s=round(used.ru_utime + used.ru_stime, 1), rss_mb=round(used.ru_maxrss / 1000), **peak.figures())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--only", choices=["reader", "extract", "bare", "old", "window", "wide"])
    arguments = parser.parse_args()
    programs = {"reader": arguments.build / "bin/prom_read_bench", "extract": arguments.build / "bin/kexp", "fill": arguments.build / "bin/prom_fill"}
    parts = [arguments.only] if arguments.only else ["reader", "extract", "bare", "old"]
    large = {"window": WINDOW, "wide": WIDE}
    needed = {"extract", "fill"} if arguments.only in large else set(parts) & set(programs)
    for program in needed:
        if not programs[program].is_file():
            parser.error(f"{programs[program]} is missing: build it, all but kexp with -DKEXP_BENCHMARKS=ON")
    if arguments.only in large:
        extract_large(programs, arguments.only, large[arguments.only])
        return
    with Prometheus(make_blocks()) as server:
        before, _ = server.memory_mb()
        if "reader" in parts:
            subprocess.run([programs["reader"], server.url, str(START * 1000), str(END * 1000)], check=True)
        if "extract" in parts:
            extract(programs["extract"], server, "every sample, Parquet", "--format", "parquet")
            extract(programs["extract"], server, "every sample, CSV", "--format", "csv")
            print(json.dumps({"what": "server's memory before and after", "mb": [before, server.memory_mb()[0]]}), flush=True)
            extract(programs["extract"], server, "range queries of 5 s, Parquet", "--format", "parquet", "--source", "query", "--sampling", "5")
        if "bare" in parts:
            ask_bare(server, "the newest sample, with a tail of five minutes", "{}")
            ask_bare(server, "the newest sample of 7.5 s", "last_over_time({}[7500ms])")
            ask_bare(server, "the same, none after an end", "{0} and last_over_time({0}[7500ms])")
        if "old" in parts:
            read_the_old_way(server.port)


if __name__ == "__main__":
    main()
