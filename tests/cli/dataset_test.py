"""`kexp dataset make` and `kexp dataset info`, with files of our own and of h5py."""

import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

import kexp_test
from kexp_test.bad_world import small_disk

H5PY_FILES = Path(__file__).with_name("h5py_files.py")


def png(width, height, shade):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + bytes([shade]) * width * 3) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bmp(width, height):
    pixels = bytes((width * 3 + 3) // 4 * 4 * height)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + header + pixels


def python_with_h5py():
    """Debian's h5py is of Debian's Python, which need not be the one on PATH."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import h5py"], capture_output=True, check=False).returncode == 0:
            return python
    return None


class DatasetTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kexp-dataset-")
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)
        self.images = self.dir / "images"
        self.images.mkdir()

    def kexp(self, *args, **options):
        return kexp_test.run(["dataset", *args], cwd=self.dir, **options)

    def write_images(self, count=3):
        contents = [png(20 + i, 10, 10 * i) for i in range(count)]
        for i, content in enumerate(contents):
            (self.images / f"{i:03}.png").write_bytes(content)
        return contents

    def h5py(self, *args):
        python = python_with_h5py()
        kexp_test.require(python, "h5py is not installed (python3-h5py)")
        return subprocess.run([python, H5PY_FILES, *args], check=True, capture_output=True, text=True).stdout

    def expect_refusal(self, code, *words, args):
        done = self.kexp(*args)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertNotIn("internal error", done.stderr)
        self.assertNotIn("HDF5-DIAG", done.stderr)  # HDF5's own printing

    def test_info_describes_what_make_wrote(self):
        contents = self.write_images()

        made = self.kexp("make", "--out", "F.h5", "--images", "images")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("F.h5: 3 images", made.stdout)

        info = json.loads(self.kexp("info", "F.h5", "--json").stdout)
        self.assertEqual(info["images"], 3)
        self.assertEqual(info["frames"], 3)
        self.assertEqual(info["sensors"], ["camera"])
        self.assertEqual(info["formats"], {"png": 3})
        self.assertEqual(info["sizes"], {"20x10": 1, "21x10": 1, "22x10": 1})
        self.assertEqual(info["bytes"]["total"], sum(map(len, contents)))
        self.assertEqual(info["hash"], dataset_hash(contents))
        text = self.kexp("info", "F.h5").stdout
        self.assertIn("3 in 3 frames", text)
        self.assertIn(info["hash"], text)

    def test_make_takes_all_its_flags(self):
        self.write_images(5)

        made = self.kexp("make", "--out", "F.h5", "--images", "images", "--resize", "32x16", "--every", "2", "--count", "2",
                         "--encode", "jpeg", "--quality", "80")
        self.assertEqual(made.returncode, 0, made.stderr)

        info = json.loads(self.kexp("info", "F.h5", "--json").stdout)
        self.assertEqual((info["images"], info["formats"], info["sizes"]), (2, {"jpeg": 2}, {"32x16": 2}))

    def test_other_formats_are_read_by_the_module_beside_the_binary(self):
        module = Path(kexp_test.kexp_binary()).parent.parent / "lib/kexp/kexp_media.so"
        kexp_test.require(module.exists(), "built without the module for other formats")
        (self.images / "a.bmp").write_bytes(bmp(24, 12))

        made = self.kexp("make", "--out", "F.h5", "--images", "images")
        self.assertEqual(made.returncode, 0, made.stderr)

        info = json.loads(self.kexp("info", "F.h5", "--json").stdout)
        self.assertEqual((info["formats"], info["sizes"]), ({"jpeg": 1}, {"24x12": 1}))

    def test_without_the_module_it_says_what_is_missing(self):
        (self.images / "a.bmp").write_bytes(bmp(24, 12))

        done = self.kexp("make", "--out", "F.h5", "--images", "images", env={"KEXP_LIB_DIR": self.dir})

        self.assertEqual(done.returncode, 2)
        self.assertIn("libopencv-dev", done.stderr)

    def test_reads_what_h5py_writes(self):
        self.h5py("write", self.dir)
        h5py_files = [b"\x89PNG a0 \x00 inside", b"\xff\xd8 b1", b"\x89PNG a2", b"\xff\xd8 b2 the longest of them all"]

        for name in ("vlen", "string", "opaque", "earliest"):
            with self.subTest(name):
                done = self.kexp("info", f"{name}.h5", "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
                info = json.loads(done.stdout)
                self.assertEqual((info["sensors"], info["frames"]), (["a", "b"], 3))
                self.assertEqual(info["hash"], dataset_hash(h5py_files))

    def test_the_newest_format_is_read_or_its_cure_is_named(self):
        self.h5py("write", self.dir)

        done = self.kexp("info", "latest.h5")

        if done.returncode != 0:
            self.assertEqual(done.returncode, 2)
            self.assertIn("written with a newer HDF5, rewrite with libver=earliest", done.stderr)

    def test_h5py_reads_what_make_writes(self):
        contents = self.write_images()
        self.assertEqual(self.kexp("make", "--out", "F.h5", "--images", "images").returncode, 0)

        seen = json.loads(self.h5py("describe", self.dir / "F.h5"))

        self.assertEqual(seen["metadata"]["n_frames"], 3)
        self.assertEqual((seen["enabled"], seen["enabled_dtype"]), ([True] * 3, "bool"))
        self.assertEqual(seen["dtype"], "uint8")
        self.assertEqual(seen["sha256"], [hashlib.sha256(content).hexdigest() for content in contents])

    def test_files_that_are_no_dataset(self):
        self.write_images()
        self.assertEqual(self.kexp("make", "--out", "F.h5", "--images", "images").returncode, 0)
        whole = (self.dir / "F.h5").read_bytes()
        (self.dir / "half.h5").write_bytes(whole[: len(whole) // 2])
        (self.dir / "text.h5").write_text("frames")

        self.expect_refusal(2, "dataset info half.h5", "cut short", args=["info", "half.h5"])
        self.expect_refusal(2, "text.h5", "no HDF5 file", args=["info", "text.h5"])
        self.expect_refusal(2, "missing.h5", "No such file", args=["info", "missing.h5"])
        self.expect_refusal(2, "images", "is a directory", args=["info", "images"])

    def test_an_hdf5_of_another_kind_is_no_dataset(self):
        self.h5py("write", self.dir)

        self.expect_refusal(2, "weather.h5", "no image dataset", args=["info", "weather.h5"])

    def test_bad_flags_are_named(self):
        self.write_images()
        make = ["make", "--out", "F.h5", "--images", "images"]
        self.expect_refusal(2, "make, info or export", args=[])
        self.expect_refusal(2, "dataset info needs a file", args=["info"])
        self.expect_refusal(2, "dataset info takes file", '"G.h5"', args=["info", "F.h5", "G.h5"])
        self.expect_refusal(2, "--out", args=["make", "--images", "images"])
        self.expect_refusal(2, "--images", "--video", args=["make", "--out", "F.h5"])
        self.expect_refusal(2, "--video", args=[*make, "--video", "v.avi"])
        self.expect_refusal(2, "--count", "at least 1", args=[*make, "--count", "0"])
        self.expect_refusal(2, "--count", "whole number", args=[*make, "--count", "-3"])
        self.expect_refusal(2, "--every", args=[*make, "--every", "0"])
        self.expect_refusal(2, "--quality", args=[*make, "--quality", "101"])
        self.expect_refusal(2, "--resize", args=[*make, "--resize", "10y20"])
        self.expect_refusal(2, "--encode", "webp", args=[*make, "--encode", "webp"])
        self.expect_refusal(2, "--colour", args=[*make, "--colour", "red"])
        self.expect_refusal(2, "--images", "no such folder", args=["make", "--out", "F.h5", "--images", "nowhere"])
        self.assertFalse((self.dir / "F.h5").exists())

    def test_an_existing_file_is_kept_unless_forced(self):
        self.write_images()
        (self.dir / "F.h5").write_text("precious")

        self.expect_refusal(2, "--out", "--force", args=["make", "--out", "F.h5", "--images", "images"])
        self.assertEqual((self.dir / "F.h5").read_text(), "precious")

        self.assertEqual(self.kexp("make", "--out", "F.h5", "--images", "images", "--force").returncode, 0)

    def test_a_broken_image_is_named_and_nothing_is_written(self):
        contents = self.write_images()
        (self.images / "001.png").write_bytes(contents[1][:40])

        self.expect_refusal_of_make(1, "001.png")

    def test_a_file_that_is_no_picture_is_named_with_its_cure(self):
        self.write_images()
        (self.images / "Thumbs.db").write_bytes(b"no picture")

        done = self.kexp("make", "--out", "F.h5", "--images", "images")

        self.assertIn(done.returncode, (1, 2))  # 2 where the media module is not built
        self.assertRegex(done.stderr, r"--images: .*Thumbs\.db is no JPEG or PNG.* keep files that are no pictures elsewhere")

    def expect_refusal_of_make(self, code, *words):
        done = self.kexp("make", "--out", "F.h5", "--images", "images")
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(sorted(entry.name for entry in self.dir.iterdir()), ["images"])

    def test_a_full_disk_is_named_and_nothing_is_left(self):
        disk = small_disk(self, self.dir / "disk")
        for i in range(20):
            (self.images / f"{i}.png").write_bytes(png(40, 40, i) + os.urandom(10_000))  # bytes after the end are kept

        done = self.kexp("make", "--out", "disk/F.h5", "--images", "images")

        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("disk/F.h5: No space left on device", done.stderr)
        self.assertEqual(list(disk.iterdir()), [])

    def test_ctrl_c_ends_it_and_leaves_nothing(self):
        (self.dir / "large.png").write_bytes(png(1500, 1500, 7))
        for i in range(1000):
            (self.images / f"{i}.png").symlink_to(self.dir / "large.png")
        (self.dir / "out").mkdir()

        with kexp_test.Process(["dataset", "make", "--out", "out/F.h5", "--images", "images"], cwd=self.dir) as making:
            making.wait_for_line("dataset: started")
            making.signal(signal.SIGINT)
            self.assertEqual(making.wait(), 130, making.output())
            self.assertIn("was not written", making.stderr)

        self.assertEqual(list((self.dir / "out").iterdir()), [])

    def test_a_settings_file_may_name_the_shared_dataset(self):
        """`dataset` is a command and a setting: its plain value was taken for the command's mapping."""
        self.write_images()
        (self.dir / "kexp.yaml").write_text("dataset: F.h5\n")

        self.assertEqual(self.kexp("make", "--out", "F.h5", "--images", "images").returncode, 0)

        (self.dir / "kexp.yaml").write_text("dataset: {make: {every: 3}}\n")
        made = self.kexp("make", "--out", "F.h5", "--images", "images", "--force")
        self.assertIn("1 images", made.stdout, made.stderr)


def dataset_hash(images):
    """As a plan refers to a dataset: over length and bytes of every image."""
    return hashlib.sha256(b"".join(struct.pack("<Q", len(image)) + image for image in images)).hexdigest()


if __name__ == "__main__":
    kexp_test.main()
