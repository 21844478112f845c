#!/usr/bin/env python3
"""Tables of what feeds did, computed from their runs' files alone.

    feed_tables.py lateness RUN WARM_UP_S RELATIVE_SLEEP  lateness of the run, and of relative_sleep by its output
    feed_tables.py segments RUN SIZES                     bytes per segment against curve and plan, beside average-size pacing of the
                                                          dataset, whose image sizes the file SIZES has
"""

import csv
import json
import math
import sys
from pathlib import Path


def nearest_rank(values, share):
    """The percentile by nearest rank of sorted values."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def lateness_row(name, nanoseconds):
    late = sorted(nanoseconds)
    cells = [f"{nearest_rank(late, share) / 1e3:.0f}" for share in (0.5, 0.99, 0.999)] + [f"{late[-1] / 1e3:.0f}"]
    return f"| {name} | {len(late)} | {' | '.join(cells)} |"


def read_sends(run):
    """Rows of sends.csv by id; those of images that were not sent are left out."""
    with open(run / "sends.csv", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["sent_ns"]]
    return sorted(((int(row["id"]), int(row["bytes"]), int(row["intended_ns"]), int(row["sent_ns"])) for row in rows))


def t0_ns(run):
    events = map(json.loads, (run / "feed.json").read_text().splitlines())
    return next(event["t0_unix_ns"] for event in events if event["event"] == "sending")


def lateness(run, warm_up_s, relative):
    begin = t0_ns(run) + round(float(warm_up_s) * 1e9)
    print(lateness_row("kexp feed", [sent - due for _, _, due, sent in read_sends(run) if due >= begin]))
    print(lateness_row("relative sleeps", map(int, Path(relative).read_text().split())))


def errors_row(name, errors):
    errors = sorted(errors)
    return f"| {name} | {nearest_rank(errors, 0.5):.2f} | {nearest_rank(errors, 0.95):.2f} | {errors[-1]:.2f} |"


def sums_until(borders, times_and_bytes):
    """Bytes before each of the borders; both in order of time."""
    sums, total, items = [], 0, iter(times_and_bytes)
    item = next(items, None)
    for border in borders:
        while item is not None and item[0] < border:
            total += item[1]
            item = next(items, None)
        sums.append(total)
    return sums


def average_size_bytes(curve, sizes):
    """Bytes per segment when each image is taken to have the mean size of the dataset: as many images as the curve's bytes make, each
    due at the middle of its mean size."""
    mean = sum(sizes) / len(sizes)
    done, sums, count, wanted = 0, [], 0, 0.0
    for segment in curve:
        wanted += segment / mean
        while count + 0.5 <= wanted:
            done += sizes[count % len(sizes)]
            count += 1
        sums.append(done)
    return [after - before for before, after in zip([0, *sums], sums)]


def segments(run, sizes_of_dataset):
    with open(run / "plan.csv", newline="") as lines:
        plan = list(csv.DictReader(lines))
    sends = read_sends(run)
    t0 = t0_ns(run)
    largest = max(size for _, size, _, _ in sends)
    curve = [float(row["target_mbps"]) * 1e6 * float(row["duration_s"]) for row in plan]
    borders = [(float(row["start_s"]) + float(row["duration_s"])) * 1e9 + t0 for row in plan]
    borders[-1] = math.inf  # what is sent a moment after the last second is the last segment's
    by_sent = sums_until(borders, sorted((sent, size) for _, size, _, sent in sends))
    by_plan = sums_until(borders, sorted((due, size) for _, size, due, _ in sends))
    total = sum(size for _, size, _, _ in sends)

    def off(bytes_of_segments):
        return [abs(done - wanted) / wanted * 100 for done, wanted in zip(bytes_of_segments, curve)]

    def differences(sums):
        return [after - before for before, after in zip([0, *sums], sums)]

    print("| off the curve's bytes, % of a segment | p50 | p95 | worst |\n|---|---|---|---|")
    print(errors_row("sent", off(differences(by_sent))))
    print(errors_row("planned", off(differences(by_plan))))
    print(errors_row("average-size pacing, same images", off(average_size_bytes(curve, sizes_of_dataset))))
    worst_plan = max(abs(done - wanted) for done, wanted in zip(differences(by_plan), curve))
    worst_border = max(abs(sent - due) for sent, due in zip(by_sent, by_plan))
    late = sorted(sent - due for _, _, due, sent in sends)
    print(f"\n{len(plan)} segments, {len(sends)} images, {total} bytes; the largest image has {largest} bytes")
    print(f"planned against the curve, worst segment: {worst_plan:.0f} bytes = {worst_plan / largest:.2f} of the largest image")
    print(f"sent against planned, worst border:       {worst_border} bytes = {worst_border / largest:.2f} of the largest image")
    print(f"total against the curve:                  {abs(total - sum(curve)):.0f} bytes = {abs(total - sum(curve)) / largest:.2f} of the largest image")
    print(f"lateness: p50 {nearest_rank(late, 0.5) / 1e6:.3f} ms, p99 {nearest_rank(late, 0.99) / 1e6:.3f} ms, max {late[-1] / 1e6:.3f} ms")


def main():
    what, *arguments = sys.argv[1:] or ["--help"]
    if what == "lateness" and len(arguments) == 3:
        lateness(Path(arguments[0]), *arguments[1:])
    elif what == "segments" and len(arguments) == 2:
        segments(Path(arguments[0]), list(map(int, Path(arguments[1]).read_text().split())))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
