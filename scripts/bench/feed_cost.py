#!/usr/bin/env python3
"""What sending costs its process: feed-cost.sh runs this.

    feed_cost.py kexp OUT RUN COMMAND...   runs a kexp feed into RUN; the CPU from its first send to its last answer
    feed_cost.py other NAME OUT COMMAND... runs a program that measures itself and prints that as one JSON line
    feed_cost.py table OUT                 the table of what is in OUT: medians, and medians of the ratios of one repetition

OUT gets one JSON line each: name, MB/s, CPU seconds per GB while sending, CPU seconds of the whole process, its peak RSS.
"""

import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path


def process_clock(pid):
    """The CPU clock of another process, in nanoseconds and with its ended threads: what clock_getcpuclockid() makes."""
    return (~pid << 3) | 2


def run(command):
    """Runs it: (its stdout, [(Unix ns, CPU ns so far)] every 5 ms)."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    samples = []
    while process.poll() is None:
        try:
            samples.append((time.time_ns(), time.clock_gettime_ns(process_clock(process.pid))))
        except OSError:  # it has just ended
            pass
        time.sleep(0.005)
    out, err = process.communicate()
    # 5: it was not on time, as when other work takes the cores; its cost is measured all the same.
    if process.returncode not in (0, 5):
        sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{err}")
    return out, samples


def cpu_at(samples, unix_ns):
    """CPU ns at that time, between the samples around it."""
    before = [sample for sample in samples if sample[0] <= unix_ns][-1]
    after = next((sample for sample in samples if sample[0] > unix_ns), before)
    if after[0] == before[0]:
        return before[1]
    return before[1] + (after[1] - before[1]) * (unix_ns - before[0]) / (after[0] - before[0])


def measure_kexp(folder, command):
    _, samples = run(command)
    with open(Path(folder) / "sends.csv", newline="") as lines:
        sends = [row for row in csv.DictReader(lines) if row["status"] == "acknowledged"]
    begin = min(int(row["sent_ns"]) for row in sends)
    end = max(int(row["acked_ns"]) for row in sends)
    gb = sum(int(row["bytes"]) for row in sends) / 1e9
    cpu = (cpu_at(samples, end) - cpu_at(samples, begin)) / 1e9
    return {"images": len(sends), "mb_per_s": gb * 1e3 / ((end - begin) / 1e9), "cpu_s_per_gb": cpu / gb}


def measure(name, out, measured):
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured |= {"name": name, "process_cpu_s": used.ru_utime + used.ru_stime, "rss_mb": used.ru_maxrss / 1e3}
    with open(out, "a") as lines:
        print(json.dumps(measured), file=lines)


def median_ratio(results, name, base, key):
    pairs = zip((r[key] for r in results if r["name"] == name), (r[key] for r in results if r["name"] == base))
    return statistics.median(ours / theirs for ours, theirs in pairs)


def table(out):
    results = [json.loads(line) for line in Path(out).read_text().splitlines()]
    names = list(dict.fromkeys(r["name"] for r in results))
    base = "bare librdkafka"
    print(f"| {sum(r['name'] == base for r in results)} repetitions | MB/s | × bare | CPU-s/GB | × bare | whole process, CPU-s | peak RSS, MB |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        median = {key: statistics.median(r[key] for r in results if r["name"] == name)
                  for key in ("mb_per_s", "cpu_s_per_gb", "process_cpu_s", "rss_mb")}
        print(f"| {name} | {median['mb_per_s']:.1f} | {median_ratio(results, name, base, 'mb_per_s'):.2f} | {median['cpu_s_per_gb']:.3f} | "
              f"{median_ratio(results, name, base, 'cpu_s_per_gb'):.2f} | {median['process_cpu_s']:.2f} | {median['rss_mb']:.0f} |")


def main():
    kind, arguments = sys.argv[1], sys.argv[2:]
    if kind == "kexp":
        out, folder, *command = arguments
        measure("kexp feed", out, measure_kexp(folder, command))
    elif kind == "other":
        name, out, *command = arguments
        measure(name, out, json.loads(run(command)[0]))
    else:
        table(*arguments)


if __name__ == "__main__":
    os.environ.pop("KAFKA_SERVERS", None)
    main()
