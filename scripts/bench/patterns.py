#!/usr/bin/env python3
"""How long `kexp extract patterns` takes, and what it flags; the figures stand in docs/benchmarks.md.

    patterns.py [--series 10000] [--points 1440]

Makes a run with the default day's load five times, and a dataset of random walks, one sample every 5 s, of which three follow the
load 30 s later. Needs a release build; a few hundred MB in the temporary folder.
"""

import argparse
import json
import math
import os
import random
import resource
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEXP = os.environ.get("KEXP_BINARY", ROOT / "build/release/bin/kexp")
START = 1795280000  # Unix seconds
STEP = 5
HOURS = [.03, .06, .09, .12, .266, .412, .558, .704, .85, .7625, .675, .587, .5, .59, .68, .77, .86, .97, .813, .656, .5, .343, .186, .03]


def load(second, seconds):
    day = (max(0, min(second, seconds - 1)) * 5 / seconds) % 1 * 23
    return HOURS[int(day)] + (HOURS[int(day) + 1] - HOURS[int(day)]) * (day % 1)


def write_run(run, seconds):
    (run / "run.json").write_text('{"id": "bench", "created": "2026-11-21T16:53:20.000Z"}\n')
    (run / "feed.json").write_text('{"event":"started","settings":{}}\n' + json.dumps({"event": "sending", "t0_unix_ns": START * 10**9}) + "\n")
    rows = "".join(f"{second},{round(load(second, seconds) * 1e6)}\n" for second in range(seconds))
    (run / "seconds.csv").write_text("second,sent_bytes\n" + rows)


def write_dataset(folder, series, seconds):
    (folder / "samples").mkdir(parents=True)
    planted = {"planted_linear": lambda x: x, "planted_exponential": lambda x: math.exp(4 * x), "planted_falling": lambda x: -x}
    metrics = [*planted, *(f"walk_{i}" for i in range((series - len(planted)) // 100))]
    rows, number = [], 0
    for metric in metrics:
        with open(folder / "samples" / f"{metric}.csv", "w") as out:
            out.write("series_id,ts_ms,value\n")
            for _ in range(1 if metric in planted else 100):
                rows.append(f'{number},bench,{metric},gauge,"{{""n"":""{number}""}}"\n')
                value = 0.0
                for second in range(-10, seconds + 10, STEP):
                    if metric in planted:
                        value = planted[metric](load(second - 30, seconds)) + random.gauss(0, 0.05)
                    else:
                        value += random.gauss(0, 1)
                    out.write(f"{number},{(START + second) * 1000},{value:.6g}\n")
                number += 1
    (folder / "series.csv").write_text("series_id,source,metric,type,labels\n" + "".join(rows))
    window = {"start_ms": (START - 10) * 1000, "end_ms": (START + seconds + 10) * 1000}
    files = {metric: {"file": f"samples/{metric}.csv"} for metric in metrics}
    (folder / "metadata.json").write_text(json.dumps({"format": "csv", "window": window, "metrics": files}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=1_440)
    arguments = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        write_run(run, arguments.points * STEP)
        write_dataset(run / "metrics", arguments.series, arguments.points * STEP)
        started = time.monotonic()
        done = subprocess.run([KEXP, "extract", "patterns", run, "--json"], capture_output=True, text=True, check=True)
        wall = time.monotonic() - started
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        found = json.loads(done.stdout)
    moved = [(row["metric"], round(row["rho"], 3), row["lag_s"]) for row in found["moved"]]
    print(json.dumps({"series": sum(found["counts"].values()), "points": found["points"], "wall_s": round(wall, 1),
                      "cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "max_rss_mb": round(usage.ru_maxrss / 1000),
                      "moved": len(moved), "first": moved[:5]}))


if __name__ == "__main__":
    main()
