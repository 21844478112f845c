"""`kexp consume` under a CPU quota: as many busy threads as the quota allows, not as the host has cores."""

import json
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import png
from kexp_test.pod import Topics
from kexp_test.quota import CpuQuota


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
        with kexp_test.LocalKafka() as kafka, CpuQuota(1) as group:
            topics = Topics(kafka, "cpu")
            image = png(640, 480, (40, 90, 160))
            topics.send_copies(image, 20, partition=0)
            with group.pod(kafka.servers, *topics.arguments()) as pod:
                pod.wait_for_line(r"threads=1 chosen_by=limits quota_cpus=1\.00")
                # What loads the model may use other threads; what works may not.
                pod.wait_for(lambda: pod.metric("kexp_records_processed_total") == 20, 120, "the first images")
                before = cpu_seconds_by_thread(pod.pid)
                topics.send_copies(image, 100, partition=0)
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
