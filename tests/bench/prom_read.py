#!/usr/bin/env python3
"""Reads 1000 series of 5760 samples out of a real Prometheus: by kexp's reader, by `kexp extract` from its start to its end, and the
way it was done before (range queries of 2000 s with a step of 5 s, parsed and written as indented JSON by 8 threads), here written anew.

    prom_read.py [--build build/release] [--only reader|extract|old]

Needs that build's bin/kexp, and for the reader bin/prom_read_bench (-DKEXP_BENCHMARKS=ON). The series are the same each time (a seed);
Prometheus' blocks of them are made once, in the cache (2 minutes). One line of JSON per figure; best of 5.
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
import time
import urllib.parse

METRICS, SERIES, SAMPLES, STEP = 100, 10, 5760, 5
START = 1706598615
END = START + SAMPLES * STEP
SEGMENT = 2000
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


class Prometheus:
    """One on a free port of 127.0.0.1, with a copy of the blocks."""

    def __init__(self, blocks):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        shutil.copytree(blocks, folder / "data")
        (folder / "prometheus.yml").write_text("global: {}\n")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [fetch("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{self.port}"], stderr=subprocess.DEVNULL)

    def __enter__(self):
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.__exit__()
                raise SystemExit("Prometheus did not get ready")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def is_ready(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def rss_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1000
        return None


def read_metric_the_old_way(port, folder, metric):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    points = 0
    name = f"kexp_bench_{metric:03d}" + ("_total" if metric % 2 == 0 else "")
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


def show(what, samples, seconds, size, **more):
    print(json.dumps({"what": what, "samples": samples, "seconds": round(seconds, 3), "million_samples_per_s": round(samples / seconds / 1e6, 2),
                      "bytes_per_sample": round(size / samples, 2), **more}), flush=True)


def extract_once(kexp, port, folder, flags):
    """Wall seconds, result and resources of one extraction, the start of the program among them."""
    command = [kexp, "extract", "--prometheus", f"http://127.0.0.1:{port}", "--start", str(START), "--end", str(END),
               "--match", '{__name__=~"kexp_bench_.+"}', "--out", f"{folder}/out", "--json", *flags]
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        result = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {process.returncode}")
    return time.monotonic() - begin, result, used


def extract(kexp, port, what, *flags):
    runs = []
    for _ in range(REPETITIONS):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(extract_once(kexp, port, folder, flags))
    seconds, result, used = min(runs, key=lambda run: run[0])
    show(f"kexp extract, {what}", result["samples"], seconds, result["bytes"], cpu_s=round(used.ru_utime + used.ru_stime, 3),
         rss_mb=round(max(run[2].ru_maxrss for run in runs) / 1000))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--only", choices=["reader", "extract", "old"])
    arguments = parser.parse_args()
    programs = {"reader": arguments.build / "bin/prom_read_bench", "extract": arguments.build / "bin/kexp"}
    parts = [arguments.only] if arguments.only else ["reader", "extract", "old"]
    for part in parts:
        if part in programs and not programs[part].is_file():
            parser.error(f"{programs[part]} is missing: build it, the reader's with -DKEXP_BENCHMARKS=ON")
    with Prometheus(make_blocks()) as server:
        before = server.rss_mb()
        if "reader" in parts:
            subprocess.run([programs["reader"], f"http://127.0.0.1:{server.port}", str(START * 1000), str(END * 1000)], check=True)
        if "extract" in parts:
            extract(programs["extract"], server.port, "every sample, Parquet", "--format", "parquet")
            extract(programs["extract"], server.port, "every sample, CSV", "--format", "csv")
            print(json.dumps({"what": "server's memory before and after", "mb": [before, server.rss_mb()]}), flush=True)
            extract(programs["extract"], server.port, "range queries of 5 s, Parquet", "--format", "parquet", "--source", "query", "--sampling", "5")
        if "old" in parts:
            read_the_old_way(server.port)


if __name__ == "__main__":
    main()
