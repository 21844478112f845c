"""kexp model: what it prints and how it refuses."""

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.bad_world import small_disk
from kexp_test.darknet import no_detector, with_metadata, write_darknet

class ModelTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = Path(self._folder.name)
        self.env = {"XDG_CACHE_HOME": self.folder / "cache"}

    def run_model(self, *args, env=None):
        return kexp_test.run(["model", *args], env={**self.env, **(env or {})})

    def works(self, *args):
        done = self.run_model(*args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def fails(self, args, *words, code=2, env=None):
        done = self.run_model(*args, env=env)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)

    def write_darknet(self, weights=18 * 3 + 18):
        return write_darknet(self.folder, weights)

    def prepared(self):
        self.works("prepare", self.write_darknet())
        return self.folder / "tiny.onnx"

    def images(self):
        return kexp_test.require_test_data(self) / "data" / "images"

    def test_list_shows_what_can_be_fetched_and_what_is_there(self):
        model = self.prepared()
        models = json.loads(self.works("list", "--json", "--models-dir", model.parent).stdout)
        by_name = {entry["name"]: entry for entry in models}
        self.assertFalse(by_name["yolov3-tiny"]["present"])
        self.assertEqual(by_name["yolov5n"]["license"], "AGPL-3.0")
        self.assertTrue(by_name["tiny"]["present"])
        self.assertEqual(by_name["tiny"]["input"], [32, 32])
        self.assertIn("yolov3-tiny", self.works("list").stdout)

    def test_check_tells_the_classes_that_were_asked_for(self):
        model = self.prepared()
        self.works("check", model, "--classes", "0,thing")
        self.fails(["check", model, "--classes", "thin"], '--classes: tiny has no class "thin" (did you mean thing?)')
        self.fails(["check", model, "--classes", "1"], 'no class "1"')
        self.fails(["check", model, "--classes", "0,"], "--classes must be ids or labels")

    def test_an_out_that_cannot_be_written_is_named_beforehand(self):
        cfg = self.write_darknet()
        self.fails(["prepare", cfg, "-o", self.folder], "-o must be a file to write")
        self.fails(["prepare", cfg, "-o", self.folder / "none" / "m.onnx"], "kexp: -o ", "No such file or directory")
        self.fails(["check", self.folder / ""], "is a folder")

    def test_a_long_licence_leaves_the_columns_of_the_list_whole(self):
        model = self.prepared()
        model.write_bytes(with_metadata(model.read_bytes(), "license", "AGPL-3.0 License (https://ultralytics.com/license)"))
        lines = self.works("list", "--models-dir", model.parent).stdout.splitlines()
        source = lines[0].index("source")
        self.assertEqual([line[source - 1] for line in lines], [" "] * len(lines))
        self.assertTrue(any(line[source:] == "own file" for line in lines), lines)

    def test_a_prepared_file_still_shows_what_was_changed(self):
        done = self.works("prepare", self.prepared(), "-o", self.folder / "cut.onnx")
        self.assertIn("changed  cut after its last", self.works("check", self.folder / "cut.onnx").stdout)

    def test_prepare_converts_a_darknet_model(self):
        done = self.works("prepare", self.write_darknet(), "-o", self.folder / "other.onnx", "--input", "64x32")
        self.assertEqual(done.stdout.strip(), str(self.folder / "other.onnx"))
        done = self.works("check", self.folder / "other.onnx")
        self.assertIn("1x3x32x64", done.stdout)
        self.assertIn("96 boxes, 1 classes", done.stdout)

    def test_check_runs_without_pictures(self):
        self.assertRegex(self.works("check", self.prepared()).stdout, r"median +[0-9.]+ ms of inference")

    def test_check_prints_a_result_object_for_each_image(self):
        images = self.images()
        done = self.works("check", self.prepared(), "--images", images, "--json", "--max-detections", "5")
        results = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([result["id"] for result in results], sorted(path.name for path in images.iterdir()))
        bus = results[0]
        self.assertEqual(bus["model"], "tiny")
        self.assertEqual(bus["dimensions"], [1, 3, 32, 24])  # as much as the picture fills
        self.assertEqual(bus["resolution"], [810, 1080])
        self.assertEqual(bus["errors"], 0)
        self.assertEqual(len(bus["detections"]), 5)
        self.assertEqual(bus["detections"][0]["label"], "thing")
        self.assertGreater(bus["timestamps"]["inf"], 0)

    def test_check_draws_the_boxes(self):
        self.works("check", self.prepared(), "--images", self.images() / "dog.jpg", "--annotate", self.folder / "drawn")
        self.assertEqual((self.folder / "drawn" / "dog.jpg.png").read_bytes()[:4], b"\x89PNG")

    def test_check_goes_on_after_a_broken_picture_and_fails(self):
        pictures = self.folder / "pictures"
        pictures.mkdir()
        whole = (self.images() / "dog.jpg").read_bytes()
        (pictures / "a.jpg").write_bytes(whole[: len(whole) // 2])
        (pictures / "b.jpg").write_bytes(whole)
        done = self.run_model("check", self.prepared(), "--images", pictures, "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        half, good = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual((half["errors"], half["detections"]), (1, []))
        self.assertIn("Premature end", half["error"])
        self.assertEqual(good["errors"], 0)

    def test_a_model_that_is_not_there(self):
        self.fails(["check", "yolov3-tiny"], 'kexp: no model "yolov3-tiny"', "kexp model get")
        self.fails(["check", self.folder / "no.onnx"], "no model file")
        self.fails(["get", "yolov99"], 'no model "yolov99"')

    def test_a_model_that_is_cut_short(self):
        model = self.prepared()
        model.write_bytes(model.read_bytes()[:-300])
        self.fails(["check", model], "cut short")
        self.fails(["prepare", model, "-o", self.folder / "out.onnx"], "cut short")
        self.assertFalse((self.folder / "out.onnx").exists())

    def test_a_model_that_is_no_detector(self):
        model = self.prepared()
        model.write_bytes(no_detector(model.read_bytes()))
        self.fails(["check", model], "no detector: its task is")

    def test_flags_out_of_range(self):
        model = self.prepared()
        self.fails(["check", model, "--confidence", "1.5"], "--confidence must be from 0 to 1")
        self.fails(["check", model, "--threads", "0"], "--threads")
        self.fails(["check", model, "--input", "33"], "cannot run at 33x33", "multiples of")
        self.fails(["check", model, "--input", "big"], "--input must be")
        self.fails(["check", model, "--engine", "abacus"], "--engine must be one of auto, opencv, openvino")
        self.fails(["check", model, "--engine", "opencv", "--precision", "bf16"], "--precision bf16 goes with --engine openvino")
        self.fails(["check", model, "--images", self.folder / "none"], "--images: no file or folder")
        self.fails(["check", model, "--json"], "--json needs --images")

    def test_without_its_module_openvino_is_refused_and_auto_takes_opencv(self):
        model = self.prepared()
        env = {"KEXP_LIB_DIR": self.folder}
        for flags in (["--engine", "openvino"], ["--precision", "bf16"], ["--device", "GPU"]):
            self.fails(["check", model, *flags], "--engine openvino: this build has no kexp_openvino.so", "scripts/bootstrap.sh", env=env)
        done = self.run_model("check", model, "--log-level", "debug", env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("engine   OpenCV", done.stdout)
        self.assertRegex(done.stderr, "engine=opencv, because .* kexp_openvino.so")

    def test_a_module_that_cannot_be_loaded_is_refused_by_name(self):
        model = self.prepared()
        (self.folder / "kexp_openvino.so").write_bytes(b"no library")
        self.fails(["check", model, "--engine", "openvino"], "--engine openvino:", "kexp_openvino.so cannot be loaded",
                   env={"KEXP_LIB_DIR": self.folder})

    def test_an_engine_cache_makes_no_difference_but_to_the_time(self):
        model = self.prepared()
        kexp_test.require("not found" not in kexp_test.run(["--version"]).stdout.split("OpenVINO module ")[1], "this build has no OpenVINO")
        cache = self.folder / "engine cache"
        for _ in range(2):
            self.assertIn("engine   OpenVINO", self.works("check", model, "--engine-cache", cache).stdout)
        self.assertEqual(sorted(file.suffix for file in cache.iterdir()), [".32x32", ".facts"])

    def test_weights_that_do_not_fit_the_cfg(self):
        self.fails(["prepare", self.write_darknet(weights=70)], "tiny.cfg:6: ", "too short")
        self.fails(["prepare", self.write_darknet(weights=75)], "too long for this cfg: 3 of 75")

    def test_a_full_disk_is_named_and_nothing_is_left(self):
        full = small_disk(self, self.folder / "disk", "4k")
        (full / "filler").write_bytes(bytes(4096))
        self.fails(["prepare", self.prepared(), "-o", full / "out.onnx"], f"{full}/out.onnx", "No space left on device", code=1)
        self.assertEqual([file.name for file in full.iterdir()], ["filler"])

    def test_a_full_disk_under_what_is_fetched_is_named(self):
        fetched = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kexp/darknet/yolov3-tiny")
        kexp_test.require((fetched / "yolov3-tiny.weights").is_file(), "yolov3-tiny was not fetched yet")
        (self.folder / "cache/kexp/darknet").mkdir(parents=True)
        (self.folder / "cache/kexp/darknet/yolov3-tiny").symlink_to(fetched)
        full = small_disk(self, self.folder / "models")
        self.fails(["get", "yolov3-tiny", "--models-dir", full], f"cannot write {full}/yolov3-tiny.onnx: No space left on device", code=1)
        self.assertEqual([file.name for file in full.iterdir()], [".lock"])
        self.fails(["check", "yolov3-tiny", "--models-dir", full], 'no model "yolov3-tiny"')

    def test_places_that_cannot_be_written_are_named(self):
        model = self.prepared()
        before = sorted(self.folder.iterdir())
        self.fails(["prepare", model, "-o", self.folder], "-o", str(self.folder))
        self.fails(["get", "yolov3-tiny", "--models-dir", model], str(model), code=1)
        self.assertEqual(sorted(self.folder.iterdir()), before)
        self.assertEqual([file.name for file in self.folder.parent.glob(f"{self.folder.name}*")], [self.folder.name])

    def test_get_without_a_network(self):
        nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
        self.fails(["get", "yolov5n"], "yolov5n.onnx", code=3, env=nowhere)


if __name__ == "__main__":
    kexp_test.main()
