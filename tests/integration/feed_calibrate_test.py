"""`kexp feed calibrate` on a real Kafka, and what a later feed makes of it."""

import json
import re
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.preflight import PreflightCase


class FeedCalibrateTest(PreflightCase):
    def calibrate(self, *more):
        return kexp_test.run(["feed", "calibrate", "--servers", self.kafka.servers, "--duration", "4", "--most-mb", "100", *more],
                             env=self.environment)

    def test_measures_and_is_kept(self):
        done = self.calibrate("--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(found["servers"], self.kafka.servers)
        self.assertRegex(found["cluster"], ".")
        # This machine may have been too busy for one of them.
        self.assertEqual(sorted(rate["image_bytes"] for rate in found["rates"] + found["left_out"]), [1e3, 1e4, 3e4, 1e5, 3e5, 1e6])
        for rate in found["rates"]:
            self.assertAlmostEqual(rate["megabytes_per_s"], rate["images_per_s"] * rate["image_bytes"] / 1e6,
                                   delta=0.001 * rate["megabytes_per_s"])
            self.assertGreater(rate["cpu_s_per_gb"], 0)
        self.assertGreater(found["rates"][0]["images_per_s"], found["rates"][-1]["images_per_s"])
        self.assertEqual((found["lateness_50"]["count"], found["lateness_1000"]["count"]), (25, 500))
        kept, = self.calibrations.iterdir()
        self.assertEqual(json.loads(kept.read_text()), found)

    def test_sends_a_datasets_images(self):
        done = self.calibrate("--dataset", self.dataset)
        self.assertEqual(done.returncode, 0, done.stderr)
        # Those for which this machine was too busy stand at the end.
        shown = re.findall(r"(?m)^(images of|the dataset's,) (\S+ [kM]B) +\d+ images/s, \d+\.\d MB/s; ", done.stdout)
        self.assertEqual({size for whose, size in shown if whose == "images of"}, {"1.00 kB", "30.0 kB", "100 kB", "300 kB", "1.00 MB"}, done.stdout)
        own, = [size for whose, size in shown if whose != "images of"]
        self.assertRegex(own, r"^9\.\d+ kB$")

    def test_a_peak_above_it_is_refused_unless_forced(self):
        self.assertEqual(self.calibrate().returncode, 0)
        kept, = self.calibrations.iterdir()
        slow = json.loads(kept.read_text())
        # This machine may have been too busy for one of them.
        slow["rates"] = sorted(slow["rates"] + slow.pop("left_out"), key=lambda rate: rate["image_bytes"])
        for rate in slow["rates"]:
            rate["images_per_s"] = 5
        for lateness in "lateness_50", "lateness_1000":
            slow[lateness]["p99_ms"] = 0.1  # Whatever else runs on this machine.
        kept.write_text(json.dumps(slow))
        topic = self.create_topic()
        self.assert_refused(topic, "20 images/s of 9", "5 images/s of 10.0 kB", "--max-ips to", "--force")
        self.assertIn("calibration", self.assert_feeds(topic, "--force"))

    def test_a_stop_leaves_no_topic(self):
        arguments = ["feed", "calibrate", "--servers", self.kafka.servers, "--duration", "60"]
        with kexp_test.Process(arguments, env=self.environment) as calibrate:
            kexp_test.wait_until(self.scratch_topics, 60, "the scratch topic")
            calibrate.signal(signal.SIGINT)
            self.assertEqual(calibrate.wait(30), 130, calibrate.output())
        self.assertFalse(self.calibrations.exists())

    def test_a_broker_that_is_not_there(self):
        done = kexp_test.run(["feed", "calibrate", "--servers", "127.0.0.1:1"], env=self.environment)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("127.0.0.1:1", done.stderr)


if __name__ == "__main__":
    kexp_test.main()
