#!/usr/bin/env python3
"""Writes an image dataset whose sizes follow a lognormal distribution, for measurements of a feeder, which does not decode.

    make-sized-dataset.py OUT.h5 [--images N] [--mean-kb 300] [--cv 0.4] [--cap-kb 1000] [--seed 1] [--sizes FILE]

Each image is a JPEG's beginning, random bytes and a JPEG's end: no picture. The same arguments give the same images on every
machine. With --cv 0 every image has the mean size. --sizes also writes the sizes, one a line. Needs h5py (Debian: python3-h5py).
"""

import argparse
import math
import os
import random
import sys
from pathlib import Path

try:
    import h5py
    import numpy as np
except ModuleNotFoundError:  # a Python beside Debian's, without its packages
    if sys.executable == "/usr/bin/python3":
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

# Start of image, JFIF, 640x480 grey, start of scan.
BEGINNING = (b"\xff\xd8" b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" b"\xff\xc0\0\x0b\x08\x01\xe0\x02\x80\1\1\x11\0"
             b"\xff\xda\0\x08\1\1\0\0\x3f\0")
END = b"\xff\xd9"


def lognormal_sizes(count, mean, cv, cap, rng):
    """`count` sizes in bytes with this mean and coefficient of variation before they are capped."""
    variance = math.log(1 + cv * cv)
    location = math.log(mean) - variance / 2
    least = len(BEGINNING) + len(END)
    for _ in range(count):
        # Box and Muller; Python promises that random() gives the same numbers in every version.
        normal = math.sqrt(-2 * math.log(1 - rng.random())) * math.cos(2 * math.pi * rng.random())
        yield max(least, min(cap, round(math.exp(location + math.sqrt(variance) * normal))))


def image(size, rng):
    return BEGINNING + rng.randbytes(size - len(BEGINNING) - len(END)) + END


def write(out, sizes, rng):
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(out.name + ".unfinished")
    with h5py.File(unfinished, "w", libver="earliest") as file:
        file["metadata"] = f'{{"n_frames": {len(sizes)}}}'
        file["is_enabled/camera"] = np.ones(len(sizes), bool)
        images = file.create_dataset("sensors/camera", (len(sizes),), dtype=h5py.vlen_dtype(np.uint8))
        for i, size in enumerate(sizes):
            images[i] = np.frombuffer(image(size, rng), np.uint8)
    unfinished.replace(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--mean-kb", type=float, default=300)
    parser.add_argument("--cv", type=float, default=0.4)
    parser.add_argument("--cap-kb", type=float, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=Path)
    flags = parser.parse_args()
    if flags.images < 1 or flags.mean_kb * 1000 < len(BEGINNING) + len(END) or flags.cv < 0 or flags.cap_kb < flags.mean_kb:
        parser.error("--images must be at least 1, --mean-kb at least 0.1 and at most --cap-kb, --cv at least 0")
    rng = random.Random(flags.seed)
    sizes = list(lognormal_sizes(flags.images, flags.mean_kb * 1000, flags.cv, round(flags.cap_kb * 1000), rng))
    write(flags.out, sizes, rng)
    if flags.sizes:
        flags.sizes.write_text("".join(f"{size}\n" for size in sizes))
    print(f"{flags.out}: {len(sizes)} images, {sum(sizes)} bytes, mean {sum(sizes) / len(sizes):.0f}, largest {max(sizes)}")


if __name__ == "__main__":
    main()
