"""The command line as a user meets it: help, versions, names, settings and their order, exit codes."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test


class CommandLineTest(unittest.TestCase):
    def fails(self, args, *words, code=2, env=None, cwd=None):
        done = kexp_test.run(args, env=env, cwd=cwd)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "", "errors belong on stderr")
        self.assertTrue(done.stderr.startswith("kexp: "), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, f"one line, once: {done.stderr}")
        for word in words:
            self.assertIn(word, done.stderr)
        return done.stderr

    def test_help_lists_the_commands(self):
        done = kexp_test.run(["--help"])
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "")
        for command in ["feed", "consume", "track", "extract", "topics", "deploy", "dataset", "model"]:
            self.assertRegex(done.stdout, rf"(?m)^  {command} ")

    def test_every_command_has_help(self):
        commands = re.findall(r"(?m)^  ([a-z]+) ", kexp_test.run(["--help"]).stdout.split("Subcommands:")[1])
        self.assertGreaterEqual(len(commands), 7)
        for command in commands:
            done = kexp_test.run([command, "--help"])
            self.assertEqual(done.returncode, 0, command)
            self.assertIn("--help", done.stdout)

    def test_help_is_a_command_too(self):
        for command in ["feed"], ["feed", "verify"], ["topics", "create"], []:
            asked, flag = kexp_test.run(["help", *command]), kexp_test.run([*command, "--help"])
            self.assertEqual((asked.returncode, asked.stdout, asked.stderr), (0, flag.stdout, ""))
        self.fails(["help", "fed"], 'unknown command "fed"', "did you mean feed?")
        self.fails(["help", "feed", "verfy"], 'unknown command "feed verfy"')

    def test_version_names_what_it_was_built_with(self):
        done = kexp_test.run(["--version"])
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^kexp \d+\.\d+\.\d+\n")
        self.assertIn("librdkafka", done.stdout)
        self.assertIn("OpenCV", done.stdout)
        self.assertIn("OpenVINO module", done.stdout)
        self.assertIn("Parquet module", done.stdout)

    def test_no_command_prints_help_on_stderr(self):
        done = kexp_test.run([])
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        self.assertIn("Subcommands:", done.stderr)

    def test_an_unknown_command_names_the_nearest(self):
        self.fails(["fed"], "unknown command", '"fed"', "did you mean feed?")
        self.fails(["topics", "crate"], "topics crate", "did you mean create?")
        self.fails(["experiment"], 'kexp: unknown command "experiment": kexp --help lists what there is\n')
        self.fails(["feed", "extra"], 'kexp: unknown command "feed extra": kexp feed --help lists what there is\n')

    def test_an_unknown_flag_names_the_nearest(self):
        self.fails(["feed", "--max-mbs", "3"], "--max-mbs", "did you mean --max-mbps?")

    def test_every_command_refuses_unknown_flags_flags_given_twice_and_words_too_many(self):
        twice = {"feed": ["--topic", "a"], "consume": ["--group", "a"], "track": ["--run", "r"], "extract": ["--start", "1"],
                 "topics create": ["--partitions", "1"], "topics describe": ["--servers", "a:1"], "topics lag": ["--group", "a"],
                 "topics reset": ["--yes"], "dataset make": ["--count", "1"], "dataset info": ["--json"],
                 "dataset export": ["--out", "o"], "model list": ["--json"], "model get": ["--models-dir", "m"],
                 "model check": ["--iou", "0.5"], "model prepare": ["--names", "n"]}
        for command, flag in twice.items():
            with self.subTest(command):
                self.fails([*command.split(), "--nosuch", "3"], "unknown flag --nosuch")
                self.fails([*command.split(), *flag, *flag], f"{flag[0]} was given twice")
                self.fails([*command.split(), "one", "two"])

    def test_a_missing_argument_is_named(self):
        self.fails(["model", "get"], "model get needs a name")
        self.fails(["model", "check", "--iou", "0.5"], "model check needs a model")
        self.fails(["dataset", "export", "--out", "o"], "dataset export needs a file")

    def test_flags_take_dashes_and_underscores(self):
        for flag in ["--max_mbps", "--max-mbps"]:
            self.fails(["feed", flag, "-3"], "--max-mbps must be above 0, got -3\n")  # it said -3000000

    def test_a_flag_given_twice_is_an_error(self):
        self.fails(["feed", "--seed", "1", "--seed", "2"], "--seed", "twice")

    def test_numbers_are_numbers(self):
        self.fails(["feed", "--duration", "long"], "--duration must be a number", '"long"')
        self.fails(["feed", "--duration", "nan"], "--duration must be a number")
        self.fails(["feed", "--breakpoints", "2.5"], "--breakpoints must be a whole number")
        self.fails(["feed", "--breakpoints=99999999999999999999"], "--breakpoints must be a whole number")
        self.fails(["feed", "--seed", "-1"], "--seed must be a whole number of at least 0")
        self.fails(["feed", "--duration"], "--duration needs a value")

    def test_a_word_too_many_is_an_error(self):
        self.fails(["track", "now"], 'kexp: track takes no argument, got "now": kexp track --help lists its flags\n')
        self.fails(["deploy", "init", "c.yaml"], 'kexp: deploy init takes no argument, got "c.yaml": --out c.yaml would write there\n')
        self.fails(["feed", "verfy"], 'unknown command "feed verfy"', "verify")

    def test_log_level_and_progress_are_checked(self):
        self.fails(["--log-level", "loud", "feed", "--dry-run"], "--log-level", "loud")
        self.fails(["feed", "--dry-run", "--progress", "bar"], "--progress", "bar")


class SettingsTest(unittest.TestCase):
    """Defaults < kexp.yaml < environment < flags; the dataset's name shows in the error which one won."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def yaml(self, text, name="kexp.yaml"):
        Path(self.folder.name, name).write_text(text)

    def dataset_of(self, args=(), env=None):
        done = kexp_test.run(["feed", "--dry-run", *args], env=env, cwd=self.folder.name)
        self.assertEqual(done.returncode, 2, done.stderr)
        return re.search(r"[\w/-]+\.hdf5", done.stderr).group()

    def error(self, args=("feed", "--dry-run"), env=None):
        done = kexp_test.run(args, env=env, cwd=self.folder.name)
        self.assertEqual(done.returncode, 2, done.stderr)
        return done.stderr

    def test_the_order_of_origins(self):
        self.assertEqual(self.dataset_of(), "datasets/mini.hdf5")
        self.yaml("dataset: top.hdf5\n")
        self.assertEqual(self.dataset_of(), "top.hdf5")
        self.yaml("dataset: top.hdf5\nfeed:\n  dataset: mapped.hdf5\n")
        self.assertEqual(self.dataset_of(), "mapped.hdf5")
        self.assertEqual(self.dataset_of(env={"KEXP_DATASET": "variable.hdf5"}), "variable.hdf5")
        self.assertEqual(self.dataset_of(["--dataset", "flag.hdf5"], {"KEXP_DATASET": "variable.hdf5"}), "flag.hdf5")

    def test_an_empty_variable_counts_as_not_set(self):
        self.assertEqual(self.dataset_of(env={"KEXP_DATASET": ""}), "datasets/mini.hdf5")

    def test_another_file_by_config(self):
        self.yaml("dataset: other.hdf5\n", "other.yaml")
        self.assertEqual(self.dataset_of(["--config", "other.yaml"]), "other.hdf5")
        self.assertIn("missing.yaml", self.error(["feed", "--dry-run", "--config", "missing.yaml"]))

    def test_underscores_are_dashes_in_the_file_too(self):
        self.yaml("feed:\n  max_mbps: -3\n")
        self.assertIn("--max-mbps must be above 0", self.error())

    # A flag was blamed that nobody had typed.
    def test_a_value_out_of_range_has_its_line(self):
        self.yaml("feed:\n  max-mbps: -3\n")
        self.assertEqual(self.error(), "kexp: --max-mbps must be above 0, got -3 (--max-mbps is from kexp.yaml:2)\n")
        self.assertNotIn("kexp.yaml", self.error(["feed", "--dry-run", "--max-mbps", "-4"]))

    def test_a_key_of_a_command_at_top_level_is_told_where_it_belongs(self):
        self.yaml("max-mbps: 3\n")
        self.assertIn('kexp.yaml:1: unknown key "max-mbps": it belongs under feed:', self.error())

    def test_an_unknown_key_has_its_line(self):
        self.yaml("dataset: a.hdf5\n\nfeed:\n  duraton: 3\n")
        text = self.error()
        self.assertIn("kexp.yaml:4", text)
        self.assertIn('"duraton"', text)
        self.assertIn("did you mean duration?", text)

    def test_mappings_of_other_commands_are_checked_too(self):
        self.yaml("consume:\n  modl: x\n")
        self.assertIn("kexp.yaml:2", self.error())

    def test_a_wrong_type_has_its_line(self):
        self.yaml("feed:\n  duration: soon\n")
        text = self.error()
        self.assertIn("kexp.yaml:2", text)
        self.assertIn("must be a number", text)
        self.yaml("feed: 3\n")
        self.assertIn("kexp.yaml:1", self.error())

    def test_broken_yaml_has_its_line(self):
        self.yaml("feed:\n  duration: [1\n")
        self.assertIn("kexp.yaml:", self.error())

    def test_every_flag_of_consume_is_a_variable(self):
        self.assertIn("--confidence", self.error(["consume"], {"KEXP_CONFIDENCE": "7"}))
        self.assertIn("KEXP_CONFIDENCE", self.error(["consume"], {"KEXP_CONFIDENCE": "high"}))

    def test_variables_that_disagree_are_an_error(self):
        text = self.error(["consume"], {"YOLO_MODEL": "a", "KEXP_MODEL": "b"})
        self.assertIn("YOLO_MODEL=a", text)
        self.assertIn("KEXP_MODEL=b", text)


if __name__ == "__main__":
    kexp_test.main()
