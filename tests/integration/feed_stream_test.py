"""`kexp feed` with a dataset larger than the memory it may take, on a real Kafka: what is streamed arrives unchanged."""

import hashlib
import json
import os
import random
import subprocess
import sys
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


class FeedStreamTest(kexp_test.BrokerCase):
    @classmethod
    def make_dataset(cls):
        cls.stored = write_dataset(cls.folder / "images.hdf5")
        assert sum(map(len, cls.stored)) >= 5 * MEMORY_MB * 1_000_000
        return cls.folder / "images.hdf5"

    def stream(self, *more):
        """240 images through a window that holds a fifth of the dataset."""
        self.create_topic(3)
        self.feeds("--dataset-memory", MEMORY_MB, "--profile", "constant", "--max-ips", "60", "--duration", "4", *more)
        settings = self.fed.last("started")["settings"]
        self.assertTrue(settings["streamed"])
        self.assertEqual(settings["window_mb"], MEMORY_MB)
        self.assertIn("streamed window_mb=2.0", (self.fed.path / "log").read_text())

    def arrived(self):
        """The SHA-256 of each message's value by its key, by kcat: each message as "key length\\n" and its bytes."""
        done = subprocess.run(["kcat", "-b", self.kafka.servers, "-C", "-t", self.topic, "-o", "beginning", "-e", "-q", "-f", "%k %S\\n%s"],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
        hashes = {}
        rest = memoryview(done.stdout)
        while rest:
            line_end = bytes(rest[:60]).index(b"\n")
            key, length = (int(word) for word in bytes(rest[:line_end]).split())
            self.assertNotIn(key, hashes)
            hashes[key] = hashlib.sha256(rest[line_end + 1:line_end + 1 + length]).hexdigest()
            rest = rest[line_end + 1 + length:]
        return hashes

    def assert_unchanged(self, order):
        hashes = self.arrived()
        self.assertEqual(len(hashes), len(order))
        for key, image in enumerate(order):
            self.assertEqual(hashes[key], hashlib.sha256(self.stored[image]).hexdigest(), f"image {key}")

    def test_every_message_is_the_image_it_should_be(self):
        self.stream()
        self.assert_unchanged([k % IMAGES for k in range(240)])

    def test_several_threads_read_from_the_one_window(self):
        self.stream("--threads", "3")
        self.assert_unchanged([k % IMAGES for k in range(240)])

    def test_a_shuffled_plan_is_streamed_too(self):
        self.stream("--shuffle", "--seed", "7")
        sizes = {row["id"]: row["bytes"] for row in self.fed.sends()}
        by_size = {len(image): number for number, image in enumerate(self.stored)}
        self.assertEqual(len(by_size), IMAGES)
        order = [by_size[sizes[key]] for key in range(240)]
        self.assertNotEqual(order[:IMAGES], sorted(order[:IMAGES]))
        self.assert_unchanged(order)


if __name__ == "__main__":
    kexp_test.main()
