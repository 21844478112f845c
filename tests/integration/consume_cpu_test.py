"""`kexp consume` under a CPU quota: as many busy threads as the quota allows, not as the host has cores."""

import json
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import png
from kexp_test.pod import Pod, Topics


class OneCpu:
    """A control group with a quota of one CPU; `with` removes it. Skips the test where none can be made."""

    def __init__(self):
        self.folder = None

    def __enter__(self):
        v1, v2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
        has_v2 = (v2 / "cgroup.subtree_control").is_file() and "cpu" in (v2 / "cgroup.subtree_control").read_text().split()
        parent = v1 if (v1 / "cpu.cfs_quota_us").is_file() else v2 if has_v2 else None
        kexp_test.require(parent is not None, "no control groups with a CPU controller")
        folder = parent / f"kexp-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError as refused:
            kexp_test.require(False, f"cannot make a control group: {refused}")
        self.folder = folder
        if parent == v1:
            (folder / "cpu.cfs_period_us").write_text("100000")
            (folder / "cpu.cfs_quota_us").write_text("100000")
        else:
            (folder / "cpu.max").write_text("100000 100000")
        return self

    def __exit__(self, *_):
        kexp_test.wait_until(lambda: not (self.folder / "cgroup.procs").read_text(), 60, "the control group to be empty")
        self.folder.rmdir()

    def pod(self, servers, *args):
        """A consumer that is born inside."""
        inside = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        return Pod(servers, *args, program="sh", prefix=["-c", inside, str(self.folder), kexp_test.kexp_binary()])


def cpu_seconds_by_thread(pid):
    seconds = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue  # it ended meanwhile
        seconds[task.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


class ConsumeCpuTest(unittest.TestCase):
    def test_one_thread_is_busy_under_a_quota_of_one_cpu(self):
        with kexp_test.LocalKafka() as kafka, OneCpu() as group:
            topics = Topics(kafka, "cpu")
            file = Path(kafka.dir, "image.png")
            file.write_bytes(png(640, 480, (40, 90, 160)))
            topics.send_file(file, (str(i) for i in range(20)))
            with group.pod(kafka.servers, *topics.arguments()) as pod:
                pod.wait_for_line(r"threads=1 chosen_by=limits quota_cpus=1\.00")
                # What loads the model may use other threads; what works may not.
                pod.wait_for(lambda: pod.metric("kexp_records_processed_total") == 20, 120, "the first images")
                before = cpu_seconds_by_thread(pod.pid)
                topics.send_file(file, (str(i) for i in range(20, 120)))
                pod.wait_for(lambda: pod.metric("kexp_records_processed_total") == 120, 120, "all images")
                after = cpu_seconds_by_thread(pod.pid)
                self.assertEqual(pod.metric("kexp_inference_threads"), 1)
                self.assertEqual(pod.metric("kexp_cpu_quota_cpus"), 1)
                self.assertIsNotNone(pod.metric("kexp_throttled_seconds_total"))
            used = sorted((after[thread] - before.get(thread, 0) for thread in after), reverse=True)
            print(json.dumps({"cpu_seconds_by_thread": [round(s, 2) for s in used if s > 0]}), file=sys.stderr)
            self.assertGreater(used[0], 0.5)
            self.assertLess(sum(used[1:]), 0.15 * used[0], "others work, too")
            answers = topics.answers()
            self.assertEqual({answer["threads"] for answer in answers}, {1})
            times = sorted(answer["timestamps"]["inf"] for answer in answers[20:])
            throttled = sum(answer["throttled_ms"] for answer in answers[20:])
            print(json.dumps({"inference_ms": {"median": times[50], "p95": times[95]}, "throttled_ms": throttled}), file=sys.stderr)


if __name__ == "__main__":
    kexp_test.main()
