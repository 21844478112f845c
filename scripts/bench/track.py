#!/usr/bin/env python3
"""How many answers `kexp track` takes on one core of a real Kafka of its own; the figures stand in docs/benchmarks.md.

    track.py [--answers 200000] [--detections 4] [--partitions 1] [--repetitions 3]

The answers wait on the topic; each run is tracked to its end: results and detections written, ids reconciled, goodput and run.json
derived. kexp is bound to one CPU, the broker to the others where there are any. One JSON object a line.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
import kexp_test

T0_MS = 1_795_284_000_000
PER_SECOND = 100  # of the plan


def answer(image, run, detections):
    """An answer as a consumer sends it; CreateTime 10 ms apart."""
    due = T0_MS + image * 1000 // PER_SECOND
    boxes = ",".join(f'{{"class_id":{k},"label":"person","confidence":0.{820000 - image % 1000 - k},'
                     f'"box":[{219 + k}.3125,407.8{image % 10},130.1,454.9]}}' for k in range(detections))
    return (f'{{"timestamps":{{"idle":3.1{image % 100},"queue":12,"pre":1.903,"inf":53.2{image % 89},"post":0.412,"start_time":{due},'
            f'"end_time":{due + 12}}},"source":"10.244.1.7","model":"yolov3-tiny","dimensions":[1,3,416,416],"id":"{image}","errors":0,'
            f'"run":"{run}","node":"worker1","pod":"consumer-5d9c7f6b8-x{image % 5}","engine":"opencv","threads":1,'
            f'"resolution":[768,576],"partition":{image % 6},"offset":{image // 6},"decode":2.2{image % 7},"throttled_ms":0.0,'
            f'"done_time":{due + 70 + image % 50},"detections":[{boxes}]}}\n')


def write_run(folder, run, count):
    """What a feed leaves that has sent them all."""
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"id": run, "created": "2026-11-21T18:00:00.000Z"}))
    started = {"event": "started", "time": "2026-11-21T18:00:00.000Z", "role": "feed", "run": run}
    finished = {"event": "finished", "time": "2026-11-21T20:00:00.000Z", "planned": count, "acknowledged": count,
                "late_over_1ms_fraction": 0.0, "late_over_100ms_fraction": 0.0, "segments_out_of_bound": 0}
    (folder / "feed.json").write_text("".join(json.dumps(line) + "\n" for line in (started, finished)))
    with open(folder / "sends.csv", "w") as sends:
        sends.write("id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n")
        for image in range(count):
            due = T0_MS * 1_000_000 + image * 1_000_000_000 // PER_SECOND
            sends.write(f"{image},100000,{image % 6},{image // 6},{due},{due + 50000},{due + 4000000},acknowledged\n")
    per_segment = max(1, count // 200)
    with open(folder / "plan.csv", "w") as plan:
        plan.write("segment,start_s,duration_s,target_mbps,bytes,images\n")
        for segment in range(200):
            length = per_segment / PER_SECOND
            plan.write(f"{segment},{segment * length},{length},10,{per_segment * 100000},{per_segment}\n")


def fill(kafka, topic, run, flags):
    with subprocess.Popen(["kcat", "-b", kafka.servers, "-P", "-t", topic, "-H", f"kexp-run={run}", "-X", "linger.ms=50"],
                          stdin=subprocess.PIPE, text=True) as kcat:
        for image in range(flags.answers):
            kcat.stdin.write(answer(image, run, flags.detections))
        kcat.stdin.close()
        if kcat.wait() != 0:
            sys.exit("track.py: kcat could not fill the topic")


def track(kafka, topic, folder, cpu, flags):
    command = [kexp_test.kexp_binary(), "track", "--servers", kafka.servers, "--topic", topic, "--run", str(folder), "--until-complete",
               "--progress", "none", "--json"]
    begin = time.monotonic()
    tracker = subprocess.Popen(command, stdout=subprocess.PIPE, env=kexp_test.clean_environment(),
                               preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    printed = tracker.stdout.read()
    _, status, usage = os.wait4(tracker.pid, 0)
    wall = time.monotonic() - begin
    counts = json.loads(printed)["counts"]
    if os.waitstatus_to_exitcode(status) != 0 or counts["processed"] != flags.answers:
        sys.exit(f"track.py: exit {os.waitstatus_to_exitcode(status)}, counts {counts}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return {"answers": flags.answers, "wall_s": round(wall, 2), "cpu_s": round(cpu_s, 2),
            "answers_per_s": round(flags.answers / wall), "answers_per_core_s": round(flags.answers / cpu_s),
            "rss_mb": round(usage.ru_maxrss / 1024)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=200_000)
    parser.add_argument("--detections", type=int, default=4)
    parser.add_argument("--partitions", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=3)
    flags = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        if len(cpus) > 1:
            os.sched_setaffinity(0, set(cpus[:-1]))  # inherited by the broker
        with kexp_test.LocalKafka() as kafka:
            topic, run = "answers", "20261121T180000Z-bnch"
            kafka.create_topic(topic, flags.partitions)
            fill(kafka, topic, run, flags)
            for repetition in range(flags.repetitions):
                tracked = Path(folder, f"run{repetition}")
                write_run(tracked, run, flags.answers)
                print(json.dumps(track(kafka, topic, tracked, cpus[-1], flags)), flush=True)


if __name__ == "__main__":
    main()
