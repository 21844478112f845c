"""`kexp consume` with what it cannot work with: message and exit code."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.darknet import no_detector, write_darknet
from kexp_test.pod import model


class ConsumeCliTest(unittest.TestCase):
    def fails(self, args, code, *words, env=None):
        done = kexp_test.run(["consume", *args], env=env)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_flag_out_of_range_is_named(self):
        self.fails(["--threads", "-1"], 2, "--threads")
        self.fails(["--confidence", "2"], 2, "--confidence")
        self.fails(["--confidence", "nan"], 2, "--confidence")
        self.fails(["--iou", "-0.5"], 2, "--iou")
        self.fails(["--max-detections", "-1"], 2, "--max-detections")
        self.fails(["--input", "0x4"], 2, "--input")
        self.fails(["--engine", "abacus"], 2, "--engine")
        self.fails(["--validate-results", "maybe"], 2, "--validate-results")
        self.fails(["--input_topic", "a b"], 2, "--input-topic")
        self.fails(["--output-topic", "yolo_input"], 2, "--output-topic")
        self.fails(["--group", "a/b"], 2, "--group")
        self.fails(["--metrics-port", "65536"], 2, "--metrics-port")

    def test_a_bad_variable_is_named(self):
        self.fails([], 2, "KEXP_THREADS", env={"KEXP_THREADS": "many"})
        self.fails([], 2, "--validate-results", env={"VALIDATE_RESULTS": "perhaps"})

    def test_a_missing_model_says_how_to_get_one(self):
        with tempfile.TemporaryDirectory() as folder:
            self.fails(["--model", "nosuch", "--models-dir", folder], 2, "--model", "nosuch", folder, "kexp model get")

    def test_a_file_that_is_no_model_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "broken.onnx")
            file.write_bytes(b"this is no model")
            self.fails(["--model", file], 2, f"kexp: --model: {file}: no ONNX model")

    def test_a_model_cut_short_or_no_detector_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            prepared = kexp_test.run(["model", "prepare", write_darknet(folder)])
            self.assertEqual(prepared.returncode, 0, prepared.stderr)
            whole = Path(folder, "tiny.onnx").read_bytes()
            file = Path(folder, "model.onnx")
            for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
                file.write_bytes(whole[:length])
                self.fails(["--model", file], 2, f"--model: {file}: ", "cut short")
            file.write_bytes(no_detector(whole))
            self.fails(["--model", file], 2, f"--model: {file}: ", "no detector")

    def test_a_property_that_the_client_does_not_know_is_named(self):
        self.fails(["--model", model(), "-X", "nosuch.property=1"], 2, "-X", "nosuch.property")

    def test_nothing_is_started_with_a_wrong_port_or_property(self):
        for wrong in (["--metrics-port", "65536"], ["-X", "nosuch.property=1"], ["--threads", "1025"]):
            done = kexp_test.run(["consume", "--model", model(), *wrong])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(wrong[0], done.stderr)
            self.assertNotIn("consume: threads=", done.stderr)

    def test_what_does_not_fit_the_model_is_told_before_the_broker_is_asked(self):
        for wrong, words in ((["--input", "13x7"], "cannot run at 13x7 (--input): its sides have to be multiples of"),
                             (["--classes", "persom"], "--classes: ")):
            done = kexp_test.run(["consume", "--model", model(), *wrong])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertNotIn("consume: threads=", done.stderr)

    def test_a_broker_that_does_not_come_is_unavailable(self):
        port = kexp_test.free_port()
        self.fails(["--model", model(), "--servers", f"127.0.0.1:{port}"], 3, "waiting_for=broker", "waited 30.0 s", f"127.0.0.1:{port}",
                   "--servers")

    def test_the_health_of_nobody_is_bad_and_needs_a_port(self):
        self.fails(["--check-health"], 2, "--check-health", "--metrics-port")
        port = kexp_test.free_port()
        done = kexp_test.run(["consume", "--check-health"], env={"KEXP_METRICS_ADDRESS": "0.0.0.0", "KEXP_METRICS_PORT": port})
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn(f"no answer from 127.0.0.1:{port}", done.stdout)


if __name__ == "__main__":
    kexp_test.main()
