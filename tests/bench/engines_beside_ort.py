#!/usr/bin/env python3
"""Our engines beside ONNX Runtime, in turn: engines_beside_ort.py ENGINE_TURNS ROUNDS THREADS IMAGE MODEL…

In each round every engine runs the same picture a few times (the first of them untimed), so that whatever else the
machine does meets all of them. ONNX Runtime runs the file as it is, on the same blob; ours include the decoding of
boxes and their suppression. `auto` sees only the part of the square that the picture fills, where the graph allows it. Prints medians in ms of wall and processor time, and the medians over rounds of their ratios
to ONNX Runtime's; on a busy machine only the processor's means something.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import numpy
import onnxruntime

RUNS = 4  # of each engine in a round, and one to warm the caches


class Ort:
    def __init__(self, model, threads, blob):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.feed = {self.session.get_inputs()[0].name: blob}
        self.turn(3)

    def turn(self, runs):
        times = []
        for _ in range(runs):
            wall, cpu = time.perf_counter(), time.process_time()
            self.session.run(None, self.feed)
            times.append(((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3))
        return times


class Ours:
    def __init__(self, program, image, blob, threads, model, engines):
        command = [program, image, blob, str(threads), model, *engines]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        if not words:
            sys.exit(f"{program} cannot load {model} on {engines}")
        self.side = int(words[1])

    def turn(self, index, runs):
        self.process.stdin.write(f"{index} {runs}\n")
        self.process.stdin.flush()
        return [tuple(map(float, pair.split(":"))) for pair in self.process.stdout.readline().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def engines_here():
    wanted = ["opencv", "openvino", "openvino:f32:auto"]
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return wanted + (["openvino:bf16"] if "avx512_bf16" in flags or "amx_bf16" in flags else [])


def compare(program, rounds, threads, image, model, engines):
    with tempfile.TemporaryDirectory() as folder:
        blob = Path(folder, "blob")
        ours = Ours(program, image, blob, threads, model, engines)
        values = numpy.fromfile(blob, dtype=numpy.float32).reshape(1, 3, ours.side, ours.side)
    ort = Ort(model, threads, values)
    names = ["onnxruntime", *engines]
    wall = {name: [] for name in names}
    cpu = {name: [] for name in names}
    ratios = {name: [] for name in names}
    for _ in range(rounds):
        medians = {}
        for index, name in enumerate(names):
            turn = ort.turn(RUNS + 1) if index == 0 else ours.turn(index - 1, RUNS + 1)
            wall[name] += [times[0] for times in turn[1:]]
            cpu[name] += [times[1] for times in turn[1:]]
            medians[name] = [statistics.median(times[clock] for times in turn[1:]) for clock in (0, 1)]
        for name in names:
            ratios[name].append([medians[name][clock] / medians["onnxruntime"][clock] for clock in (0, 1)])
    ours.close()
    for name in names:
        wall_ratio, cpu_ratio = (statistics.median(pair[clock] for pair in ratios[name]) for clock in (0, 1))
        print(f"{Path(model).stem:<24} {name:<18} {statistics.median(wall[name]):9.1f} {min(wall[name]):9.1f} "
              f"{wall_ratio:7.2f} {statistics.median(cpu[name]):9.1f} {cpu_ratio:7.2f}", flush=True)


def main():
    program, rounds, threads, image, *models = sys.argv[1:]
    print(f"onnxruntime {onnxruntime.__version__}, {threads} thread(s), {rounds} rounds of {RUNS} runs, medians in ms")
    print(f"{'model':<24} {'engine':<18} {'wall':>9} {'least':>9} {'/ ORT':>7} {'cpu':>9} {'/ ORT':>7}")
    for model in models:
        compare(program, int(rounds), int(threads), image, model, engines_here())


if __name__ == "__main__":
    main()
