#!/usr/bin/env python3
"""What `kexp consume` reaches on a real Kafka of its own; the figures stand in docs/benchmarks.md.

    consume.py rate [--rates 20,50] [--seconds 20]      fetching: images of 300 KB, a detector that takes a fixed time and no CPU
    consume.py pod [--model NAME|FILE] [--images 600] [--quota 1] [-- MORE FLAGS OF consume…]
                                                        one pod whose queue is never empty: JPEGs of 640x480 out of a video
    consume.py start [--model NAME|FILE] [--runs 5] [-- MORE FLAGS…]
                                                        process start to the first answer
    consume.py split [--model NAME|FILE] [--images 150] [--rounds 5] [-- MORE FLAGS…]
                                                        streams x threads on all CPUs, in turn: images/s of each split, and their ratios

Needs a release build with -DKEXP_BENCHMARKS=ON; `pod --quota` needs root and control groups. One JSON object a line.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
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
    """Looks at a pod once a second, no more: it is the pod's own CPU that answers. Keeps the most that it had fetched ahead."""

    def __init__(self, pod):
        self.pod, self.prefetched = pod, 0

    def wait_for_processed(self, count):
        deadline = time.monotonic() + 600
        while self._processed() < count:
            if time.monotonic() >= deadline or not self.pod.running():
                sys.exit(f"consume.py: {count} images were not processed: {self.pod.output()}")
            time.sleep(1)

    def _processed(self):
        figures = dict(line.rsplit(" ", 1) for line in self.pod.get("/metrics")[1].splitlines() if not line.startswith("#"))
        self.prefetched = max(self.prefetched, float(figures.get("kexp_prefetched_records", 0)))
        return sum(float(value) for name, value in figures.items() if name.startswith("kexp_records_processed_total"))

    def peak_rss_mb(self):
        status = Path(f"/proc/{self.pod.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


class ThreadTimes:
    """CPU seconds of a process since this was made: of its busiest threads, one for each stream, and of all others together."""

    def __init__(self, pid):
        self.pid = pid
        self.before = self._read()

    def _read(self):
        times = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                times[task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
            except FileNotFoundError:
                continue  # it ended meanwhile
        return times

    def busiest_and_others(self, streams):
        used = sorted((time - self.before.get(task, 0) for task, time in self._read().items()), reverse=True)
        return sum(used[:streams]), sum(used[streams:])


def work(kafka, topics, count, *args, quota=None):
    """What a pod did that answered `count` images that were there: its answers without the first ten, and what was seen meanwhile."""
    make = quota.pod if quota else Pod
    with make(kafka.servers, *topics.arguments(), *args) as pod:
        pod.wait_for_line("consume: assigned")
        watch = Watch(pod)
        watch.wait_for_processed(10)
        streams = int(pod.metric("kexp_inference_streams"))
        before, begun, threads = quota.throttled_s() if quota else 0, time.monotonic(), ThreadTimes(pod.pid)
        watch.wait_for_processed(count * 9 // 10)  # Nothing is idle yet.
        seconds = time.monotonic() - begun
        throttled = ((quota.throttled_s() if quota else 0) - before) / seconds
        busiest, others = threads.busiest_and_others(streams)
        watch.wait_for_processed(count)
        topics.wait_for_count(count)
        rss_mb = watch.peak_rss_mb()
    return SimpleNamespace(answers=topics.answers()[10:], rss_mb=rss_mb, ahead=watch.prefetched, throttled=throttled, streams=streams,
                           busiest_share=busiest / seconds / streams, others_share=others / seconds)


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
             outside_inference_ms=cycle_ms - mean_ms(answers, "inf"), throttled_share=done.throttled, cpus_of_a_stream=done.busiest_share,
             cpus_of_all_else=done.others_share, peak_rss_mb=done.rss_mb, most_prefetched=done.ahead)


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
    """Rounds in which each split has its turn, so that what disturbs the machine disturbs all of them; ratios are those within a round."""
    cpus = len(os.sched_getaffinity(0))
    splits = [streams for streams in range(1, cpus + 1) if cpus % streams == 0]
    rates = {streams: [] for streams in splits}
    with kexp_test.LocalKafka() as kafka, tempfile.TemporaryDirectory() as folder:
        dataset = video_dataset(folder, "640x480")
        for number in range(flags.rounds):
            for streams in splits if number % 2 == 0 else splits[::-1]:
                topics = Topics(kafka, f"split{streams}-{number}", PARTITIONS)
                feed(kafka, topics, dataset, flags.images, folder)
                done = work(kafka, topics, flags.images, "--model", flags.model, "--threads", str(cpus), "--streams", str(streams),
                            *flags.more)
                rates[streams].append(images_per_s(done.answers))
                show(figure="split", round=number, streams=streams, threads_each=cpus // streams, images_per_s=rates[streams][-1],
                     inference_median_ms=statistics.median(answer["timestamps"]["inf"] for answer in done.answers), peak_rss_mb=done.rss_mb)
    for streams in splits:
        ratios = [default / this for default, this in zip(rates[cpus], rates[streams])]
        show(figure="split of all rounds", streams=streams, threads_each=cpus // streams, images_per_s=statistics.median(rates[streams]),
             default_to_this=statistics.median(ratios), least=min(ratios), most=max(ratios))


def main():
    arguments = sys.argv[1:]
    more = arguments[arguments.index("--") + 1:] if "--" in arguments else []
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("rate")
    command.add_argument("--rates", default="20,50")
    command.add_argument("--seconds", type=float, default=20)
    for name, images in (("pod", 600), ("start", 1), ("split", 150)):
        command = commands.add_parser(name)
        command.add_argument("--model", default=str(any_model()))
        if name == "start":
            command.add_argument("--runs", type=int, default=5)
        else:
            command.add_argument("--images", type=int, default=images)
        if name == "pod":
            command.add_argument("--quota", type=float, default=1)
        if name == "split":
            command.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args(arguments[:arguments.index("--")] if "--" in arguments else arguments)
    flags.more = more
    {"rate": rate, "pod": pod_figures, "start": start, "split": split}[flags.command](flags)


if __name__ == "__main__":
    main()
