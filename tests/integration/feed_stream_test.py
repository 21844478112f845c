"""`kexp feed` with a dataset larger than the memory it may take, on a real Kafka: what is streamed arrives unchanged."""

import csv
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import h5py
    import numpy
except ModuleNotFoundError:  # a Python beside Debian's, without its packages
    if sys.executable == "/usr/bin/python3":
        print("SKIPPED: python3-h5py is not installed")
        sys.exit(77)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

IMAGES = 60
MEMORY_MB = 2


def write_dataset(file):
    """A dataset of two sensors, variable-length and padded, five times MEMORY_MB; its images in reading order."""
    rng = random.Random(1)
    images = [rng.randbytes(rng.randrange(60_000, 280_000)) + b"\xd9" for _ in range(IMAGES)]
    with h5py.File(file, "w", libver="earliest") as out:
        out["metadata"] = json.dumps({"n_frames": IMAGES // 2})
        for sensor, kind in (("front", h5py.vlen_dtype(numpy.uint8)), ("rear", numpy.dtype("V300000"))):
            out[f"is_enabled/{sensor}"] = numpy.ones(IMAGES // 2, dtype=bool)
            stored = out.create_dataset(f"sensors/{sensor}", (IMAGES // 2,), dtype=kind)
            for frame, image in enumerate(images[sensor == "rear"::2]):
                stored[frame] = numpy.frombuffer(image, numpy.uint8) if sensor == "front" else numpy.void(image.ljust(300_000, b"\0"))
    return images


class FeedStreamTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.dataset = cls.folder / "images.hdf5"
        cls.images = write_dataset(cls.dataset)
        assert sum(map(len, cls.images)) >= 5 * MEMORY_MB * 1_000_000

    def feed(self, *more):
        topic = f"input-{self.id().rsplit('.', 1)[1]}"
        self.kafka.create_topic(topic, 3, {"max.message.bytes": "16777216"})
        run = self.folder / topic
        done = kexp_test.run(["feed", "--servers", self.kafka.servers, "--dataset", self.dataset, "--topic", topic, "--run", run,
                              "--dataset-memory", str(MEMORY_MB), "--profile", "constant", "--max-ips", "60", "--duration", "4", *more])
        self.assertIn(done.returncode, (0, 5), done.stderr)  # 5: this machine was too busy for the pacing
        settings = json.loads((run / "feed.json").read_text().splitlines()[0])["settings"]
        self.assertTrue(settings["streamed"])
        self.assertEqual(settings["window_mb"], MEMORY_MB)
        self.assertIn("streamed window_mb=2.0", (run / "log").read_text())
        return topic, run

    def arrived(self, topic, count):
        """The SHA-256 of each message's value by its key, by kcat: each message as "key length\\n" and its bytes."""
        done = subprocess.run(["kcat", "-b", self.kafka.servers, "-C", "-t", topic, "-o", "beginning", "-c", str(count), "-e", "-q",
                               "-f", "%k %S\n%s"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
        hashes = {}
        rest = memoryview(done.stdout)
        while rest:
            line_end = bytes(rest[:60]).index(b"\n")
            key, length = (int(word) for word in bytes(rest[:line_end]).split())
            self.assertNotIn(key, hashes)
            hashes[key] = hashlib.sha256(rest[line_end + 1:line_end + 1 + length]).hexdigest()
            rest = rest[line_end + 1 + length:]
        return hashes

    def assert_unchanged(self, topic, order):
        hashes = self.arrived(topic, len(order))
        self.assertEqual(len(hashes), len(order))
        for key, image in enumerate(order):
            self.assertEqual(hashes[key], hashlib.sha256(self.images[image]).hexdigest(), f"image {key}")

    def test_every_message_is_the_image_it_should_be(self):
        topic, _ = self.feed()
        self.assert_unchanged(topic, [k % IMAGES for k in range(240)])

    def test_several_threads_read_from_the_one_window(self):
        topic, _ = self.feed("--threads", "3")
        self.assert_unchanged(topic, [k % IMAGES for k in range(240)])

    def test_a_shuffled_plan_is_streamed_too(self):
        topic, run = self.feed("--shuffle", "--seed", "7")
        with open(run / "sends.csv", newline="") as rows:
            sizes = {int(row["id"]): int(row["bytes"]) for row in csv.DictReader(rows)}
        by_size = {len(image): number for number, image in enumerate(self.images)}
        self.assertEqual(len(by_size), IMAGES)
        order = [by_size[sizes[key]] for key in range(240)]
        self.assertNotEqual(order[:IMAGES], sorted(order[:IMAGES]))
        self.assert_unchanged(topic, order)


if __name__ == "__main__":
    kexp_test.main()
