#!/usr/bin/env python3
"""What `kexp consume` reaches on a real Kafka of its own; the figures stand in docs/benchmarks.md.

    consume.py rate [--rates 20,50] [--seconds 20]      fetching: images of 300 KB, a detector that takes a fixed time and no CPU
    consume.py pod [--model NAME|FILE] [--images 300] [--quota 1] [-- MORE FLAGS OF consume…]
                                                        one pod whose queue is never empty: JPEGs of 640x480 out of a video
    consume.py start [--model NAME|FILE] [--runs 5] [-- MORE FLAGS…]
                                                        process start to the first answer
    consume.py split [--model NAME|FILE] [--images 200] [-- MORE FLAGS…]
                                                        streams x threads on all CPUs: images/s of each split

Needs a release build with -DKEXP_BENCHMARKS=ON; `pod --quota` needs root and control groups. One JSON object a line.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
import kexp_test
from kexp_test.images import padded_png
from kexp_test.pod import Pod, Topics, model as any_model
from kexp_test.quota import CpuQuota

PARTITIONS = 6


def show(**figures):
    print(json.dumps({name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}), flush=True)


# --- Images ---------------------------------------------------------------------------------------------------------------------------


def video_dataset(folder, size):
    """60 frames of a street as JPEGs of that size."""
    video = subprocess.run([str(ROOT / "scripts/lib/fetch.sh"), "vtest"], capture_output=True, text=True, check=True).stdout.strip()
    out = Path(folder, "street.h5")
    kexp("dataset", "make", "--out", out, "--video", video, "--every", "10", "--count", "60", "--resize", size, "--encode", "jpeg")
    return out


def kexp(*args):
    done = kexp_test.run(args, timeout=300)
    if done.returncode not in (0, 5):  # 5: a feed that nobody tracks
        sys.exit(f"consume.py: {' '.join(map(str, args))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def feed(kafka, topics, dataset, count, folder):
    """All at once: the queue is never empty."""
    kexp("feed", "--servers", kafka.servers, "--topic", topics.input, "--dataset", dataset, "--profile", "burst", "--count", str(count),
         "--run", Path(folder, topics.input), "--force")


# --- Figures --------------------------------------------------------------------------------------------------------------------------


def rate(flags):
    program = Path(kexp_test.kexp_binary()).with_name("consume_rate")
    if not program.exists():
        sys.exit(f"consume.py: there is no {program}: cmake --preset release -DKEXP_BENCHMARKS=ON && ninja -C build/release consume_rate")
    with kexp_test.LocalKafka() as kafka, tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "image.png")
        file.write_bytes(padded_png(300_000))
        for wanted in map(float, flags.rates.split(",")):
            topics = Topics(kafka, f"rate{wanted:g}", PARTITIONS)
            count = int(wanted * flags.seconds)
            topics.send_files([file] * (count + 100))  # It stops before its queue is empty.
            done = kexp_test.run([kafka.servers, topics.input, topics.output, wanted, count], program=program, timeout=600)
            if done.returncode != 0:
                sys.exit(f"consume.py: {done.stderr}")
            show(figure="rate", wanted_per_s=wanted, **json.loads(done.stdout))


class Watch:
    """The most memory of a process, and the most that it had fetched ahead."""

    def __init__(self, pod):
        self.pod, self.prefetched, self.rss_mb = pod, 0, 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._end.wait(0.5):
            self.prefetched = max(self.prefetched, self.pod.metric("kexp_prefetched_records") or 0)

    def stop(self):
        self._end.set()
        self._thread.join()
        status = Path(f"/proc/{self.pod.pid}/status").read_text()
        self.rss_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024


def work(kafka, topics, count, *args, quota=None):
    """What a pod did that answered `count` images that were there: its answers without the first ten, and what was seen meanwhile."""
    make = quota.pod if quota else Pod
    with make(kafka.servers, *topics.arguments(), *args) as pod:
        pod.wait_ready()
        watch = Watch(pod)
        pod.wait_for(lambda: (pod.metric("kexp_records_processed_total") or 0) >= 10, 120, "ten images")
        before, begun = quota.throttled_s() if quota else 0, time.monotonic()
        pod.wait_for(lambda: (pod.metric("kexp_records_processed_total") or 0) >= count - 5, 600, "the images")
        throttled = ((quota.throttled_s() if quota else 0) - before) / (time.monotonic() - begun)
        watch.stop()
        streams = pod.metric("kexp_inference_streams")
        topics.wait_for_count(count)
    return SimpleNamespace(answers=topics.answers()[10:], rss_mb=watch.rss_mb, ahead=watch.prefetched, throttled=throttled, streams=streams)


def images_per_s(answers):
    done = [answer["done_time"] for answer in answers]
    return (len(done) - 1) / ((max(done) - min(done)) / 1000)


def mean_ms(answers, *names):
    return statistics.mean(sum(answer["timestamps"].get(name, answer.get(name, 0)) for name in names) for answer in answers)


def percentile(values, share):
    return sorted(values)[int(len(values) * share)]


def pod_figures(flags):
    with kexp_test.LocalKafka() as kafka, tempfile.TemporaryDirectory() as folder:
        dataset = video_dataset(folder, "640x480")
        topics = Topics(kafka, "pod", PARTITIONS)
        feed(kafka, topics, dataset, flags.images, folder)
        arguments = ["--model", flags.model, *flags.more]
        if flags.quota > 0:
            with CpuQuota(flags.quota) as quota:
                done = work(kafka, topics, flags.images, *arguments, quota=quota)
        else:
            done = work(kafka, topics, flags.images, *arguments)
        answers, per_s = done.answers, images_per_s(done.answers)
        inference = [answer["timestamps"]["inf"] for answer in answers]
        median, p95 = statistics.median(inference), percentile(inference, 0.95)
        cycle_ms = 1000 * done.streams / per_s
        show(figure="pod", model=answers[0]["model"], engine=answers[0]["engine"], images=len(answers), streams=done.streams, images_per_s=per_s,
             share_of_stages=mean_ms(answers, "decode", "pre", "inf", "post") / cycle_ms, inference_median_ms=median, inference_p95_ms=p95,
             p95_to_median=p95 / median, decode_ms=mean_ms(answers, "decode"), preprocess_ms=mean_ms(answers, "pre"),
             postprocess_ms=mean_ms(answers, "post"), idle_ms=mean_ms(answers, "idle"),
             outside_inference_ms=cycle_ms - mean_ms(answers, "inf"), throttled_share=done.throttled, peak_rss_mb=done.rss_mb,
             most_prefetched=done.ahead)


def start(flags):
    with kexp_test.LocalKafka() as kafka, tempfile.TemporaryDirectory() as folder:
        dataset = video_dataset(folder, "640x480")
        for run in range(flags.runs):
            topics = Topics(kafka, f"start{run}")
            feed(kafka, topics, dataset, 1, folder)
            begun = time.time()
            with Pod(kafka.servers, *topics.arguments(), "--model", flags.model, *flags.more) as pod:
                joined = pod.wait_for_line(r"joined model_ms=(\d+) first_image_ms=(\d+) topics_ms=(\d+) joined_ms=(\d+)", timeout=60)
                topics.wait_for_count(1)
            answered = topics.answers()[0]["done_time"] / 1000 - begun
            model_ms, first_ms, topics_ms, joined_ms = map(int, joined.groups())
            waited_ms = joined_ms - max(model_ms, topics_ms)
            show(figure="start", first_answer_ms=1000 * answered, group_ms=waited_ms, own_ms=1000 * answered - waited_ms, model_ms=model_ms,
                 first_image_ms=first_ms, topics_ms=topics_ms)


def split(flags):
    cpus = len(os.sched_getaffinity(0))
    with kexp_test.LocalKafka() as kafka, tempfile.TemporaryDirectory() as folder:
        dataset = video_dataset(folder, "640x480")
        for streams in [n for n in range(1, cpus + 1) if cpus % n == 0]:
            topics = Topics(kafka, f"split{streams}", PARTITIONS)
            feed(kafka, topics, dataset, flags.images, folder)
            done = work(kafka, topics, flags.images, "--model", flags.model, "--threads", str(cpus), "--streams", str(streams),
                        *flags.more)
            show(figure="split", streams=streams, threads_each=cpus // streams, images_per_s=images_per_s(done.answers),
                 inference_median_ms=statistics.median(answer["timestamps"]["inf"] for answer in done.answers), peak_rss_mb=done.rss_mb)


def main():
    arguments = sys.argv[1:]
    more = arguments[arguments.index("--") + 1:] if "--" in arguments else []
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("rate")
    command.add_argument("--rates", default="20,50")
    command.add_argument("--seconds", type=float, default=20)
    for name, images in (("pod", 300), ("start", 1), ("split", 200)):
        command = commands.add_parser(name)
        command.add_argument("--model", default=str(any_model()))
        if name == "start":
            command.add_argument("--runs", type=int, default=5)
        else:
            command.add_argument("--images", type=int, default=images)
        if name == "pod":
            command.add_argument("--quota", type=float, default=1)
    flags = parser.parse_args(arguments[:arguments.index("--")] if "--" in arguments else arguments)
    flags.more = more
    {"rate": rate, "pod": pod_figures, "start": start, "split": split}[flags.command](flags)


if __name__ == "__main__":
    main()
