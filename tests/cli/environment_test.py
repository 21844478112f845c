"""Settings by environment, above all those of a pod, which has nothing else."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
import kexp_test.pod


class EnvironmentTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def error(self, args, env, code=2):
        done = kexp_test.run(args, env=env, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def consume(self, env, *args):
        """stderr of a consumer that ends at once, for its model is not there."""
        return self.error(["consume", "--model", "missing.onnx", *args], env)

    def test_a_value_out_of_range_names_its_variable(self):
        self.assertIn("(--confidence is from KEXP_CONFIDENCE)", self.consume({"KEXP_CONFIDENCE": "3"}))
        self.assertNotIn("KEXP_CONFIDENCE", self.consume({"KEXP_CONFIDENCE": "3"}, "--confidence", "4"))

    def test_log_level_and_progress_of_a_consumer(self):
        self.assertIn('KEXP_LOG_LEVEL (--log-level) must be one of trace|debug|info|warn|error, got "loud"',
                      self.consume({"KEXP_LOG_LEVEL": "loud"}))
        self.assertIn('KEXP_PROGRESS (--progress) must be one of log|json|none, got "log|json"', self.consume({"KEXP_PROGRESS": "log|json"}))
        self.assertIn("KEXP_NOSUCH", self.consume({"KEXP_NOSUCH": "1", "KEXP_LOG_LEVEL": "warn"}))
        self.assertNotIn("KEXP_NOSUCH", self.consume({"KEXP_NOSUCH": "1", "KEXP_LOG_LEVEL": "error"}))
        self.assertNotIn("loud", self.error(["feed", "--max-mbps", "-3"], {"KEXP_LOG_LEVEL": "loud"}))  # a consumer's alone

    def test_wrong_log_level_and_progress_in_the_file_have_their_line(self):
        (self.folder / "kexp.yaml").write_text("servers: a:1\nprogress: bar\n")
        self.assertIn("kexp.yaml:2: progress must be one of log|json|none", self.consume({}))

    def test_properties_of_a_consumer(self):
        for text in ("linger.ms=5;nosuch.property=1", "linger.ms=5\n nosuch.property=a;b\n", ";nosuch.property=1;"):
            with self.subTest(text):
                stderr = self.error(["consume", "--model", kexp_test.pod.model()], {"KEXP_PROPERTY": text})
                self.assertIn("-X nosuch.property: librdkafka", stderr)

    def test_a_piece_of_a_property_is_refused_and_not_shown(self):
        stderr = self.consume({"KEXP_PROPERTY": "sasl.username=u;sasl.password=half;otherhalf"})
        self.assertIn("KEXP_PROPERTY: each --property must be name=value", stderr)
        self.assertNotIn("half", stderr)

    def test_properties_in_the_file_are_a_list(self):
        (self.folder / "kexp.yaml").write_text("property:\n  - linger.ms=5\n  - nosuch.property=1\n")
        self.assertIn("-X nosuch.property", self.error(["topics", "describe", "--servers", "127.0.0.1:1"], {}))
        (self.folder / "kexp.yaml").write_text("consume:\n  property: [linger.ms]\n")
        self.assertIn("kexp.yaml:2: each --property must be name=value", self.consume({}))

    def test_the_long_name_of_a_property(self):
        for flags in (["--property", "nosuch.property=1"], ["--property=a.b=1", "-X", "nosuch.property=1"]):
            stderr = self.error(["topics", "describe", "--servers", "127.0.0.1:1", *flags], {})
            self.assertRegex(stderr, "-X (nosuch.property|a.b)")

    def test_a_variable_that_sets_nothing_is_a_warning_with_the_nearest(self):
        stderr = self.consume({"KEXP_CONFIDENSE": "0.5"})
        self.assertRegex(stderr, r"Z warning consume: KEXP_CONFIDENSE sets nothing \(did you mean KEXP_CONFIDENCE\?\)\n")
        self.assertNotIn("KEXP_CONFIDENSE", self.error(["feed", "--max-mbps", "-3"], {"KEXP_CONFIDENSE": "0.5"}))

    def test_variables_read_elsewhere_are_no_warning(self):
        stderr = self.consume({"KEXP_SD_DIR": self.folder, "KEXP_LIB_DIR": self.folder, "KEXP_DATASET": "d", "KEXP_SERVICE": "s",
                               "KEXP_GROUP": "g", "KEXP_CONFIDENCE": "0.5", "KEXP_LOG_LEVEL": "info"})
        self.assertNotIn("warning", stderr)

    # A Service called kexp-metrics made every pod of its namespace fail at its start.
    def test_what_kubernetes_tells_about_services_is_no_setting(self):
        stderr = self.consume({"KEXP_METRICS_PORT": "tcp://10.96.0.7:9464", "KEXP_METRICS_SERVICE_HOST": "10.96.0.7",
                               "KEXP_METRICS_SERVICE_PORT_HTTP": "9464", "KEXP_METRICS_PORT_9464_TCP_ADDR": "10.96.0.7"})
        self.assertNotIn("KEXP_", stderr)

    def test_truth_values_are_the_same_for_consume_and_track(self):
        for command in ("consume", "track"):
            for value in ("TRUE", "true", "True", "1", "FALSE", "false", "False", "0"):
                stderr = self.error([command, "--servers", ""], {"VALIDATE_RESULTS": value})
                self.assertNotIn("--validate-results", stderr, (command, value))
            for value in ("yes", "2", "TRUE "):
                stderr = self.error([command], {"VALIDATE_RESULTS": value})
                self.assertIn(f'--validate-results must be TRUE or FALSE, got "{value}"', stderr)

    def test_prometheus_url_takes_several_servers(self):
        window = ["extract", "--start", "1700000000", "--end", "1700000060"]
        twice = "http://127.0.0.1:1,http://127.0.0.1:2 , http://127.0.0.1:2,"
        self.assertIn("--prometheus http://127.0.0.1:2 is given twice", self.error(window, {"PROMETHEUS_URL": twice}))

    def test_the_input_topic_moves_feed_too(self):
        self.assertIn('--topic must be 1 to 200 of the characters a-z A-Z 0-9 . _ -, got "no topic"',
                      self.error(["feed", "--dry-run"], {"KAFKA_INPUT_TOPIC": "no topic"}))
        self.assertNotIn("no topic", self.error(["feed", "--dry-run", "--topic", "t"], {"KAFKA_INPUT_TOPIC": "no topic"}))


if __name__ == "__main__":
    kexp_test.main()
