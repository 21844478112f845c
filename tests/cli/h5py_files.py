"""Datasets as h5py writes them, and what h5py sees in ours; a program of its own, for a Python that has h5py.

    h5py_files.py write FOLDER      writes the files of `write` there
    h5py_files.py describe FILE     prints the file's content as JSON
"""

import hashlib
import json
import sys
from pathlib import Path

import h5py
import numpy as np

# Two sensors with gaps. In reading order: a0, b1, a2, b2.
ENABLED = {"b": [False, True, True], "a": [True, False, True]}
IMAGES = {"a": [b"\x89PNG a0 \x00 inside", b"\x89PNG a2"], "b": [b"\xff\xd8 b1", b"\xff\xd8 b2 the longest of them all"]}
IN_ORDER = [IMAGES["a"][0], IMAGES["b"][0], IMAGES["a"][1], IMAGES["b"][1]]


def write_images(file, sensor, kind):
    images = IMAGES[sensor]
    if kind == "vlen":
        dataset = file.create_dataset(f"sensors/{sensor}", (len(images),), dtype=h5py.vlen_dtype(np.uint8))
        for i, image in enumerate(images):
            dataset[i] = np.frombuffer(image, np.uint8)
        return
    longest = max(map(len, images)) + 5
    padded = np.array(images, dtype=f"S{longest}")
    file[f"sensors/{sensor}"] = padded if kind == "string" else padded.view(f"V{longest}")


def write_file(path, kind="vlen", libver=None):
    with h5py.File(path, "w", libver=libver) as file:
        file["metadata"] = json.dumps({"n_frames": 3})
        for sensor, enabled in ENABLED.items():
            file[f"is_enabled/{sensor}"] = np.array(enabled)
            write_images(file, sensor, kind)


def write(folder):
    for kind in ("vlen", "string", "opaque"):
        write_file(folder / f"{kind}.h5", kind)
    write_file(folder / "earliest.h5", libver="earliest")
    write_file(folder / "latest.h5", libver="latest")
    with h5py.File(folder / "weather.h5", "w") as file:
        file["temperature"] = np.arange(10.0)


def describe(path):
    with h5py.File(path) as file:
        images = file["sensors/camera"]
        return {
            "metadata": json.loads(file["metadata"][()]),
            "enabled": file["is_enabled/camera"][()].tolist(),
            "enabled_dtype": str(file["is_enabled/camera"].dtype),
            "dtype": str(h5py.check_vlen_dtype(images.dtype)),
            "sha256": [hashlib.sha256(image.tobytes()).hexdigest() for image in images],
        }


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]))
    else:
        print(json.dumps(describe(sys.argv[2])))
