"""docs/cli.md and --help tell the same: each flag of each command, its default, its variables."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

COMMANDS = ["feed", "feed calibrate", "feed verify", "consume", "track", "extract", "extract energy", "extract patterns", "extract wide", "topics create", "topics describe", "topics lag", "topics reset",
            "deploy init", "deploy render", "dataset make", "dataset info", "dataset export", "model list", "model get", "model check", "model prepare"]


def help_of(command):
    """{"--flag": (default or "", text)} of `kexp COMMAND --help`."""
    done = kexp_test.run([*command.split(), "--help"])
    assert done.returncode == 0, done.stderr
    flags = {}
    for line in re.sub(r"\n {20,}", "  ", done.stdout).splitlines():  # a long flag has its text on the next line
        # A default is written TEXT=value by CLI11 2.1, TEXT [value] by later ones.
        found = re.match(r"  (?:-\w,)?(--[a-z-]+)(?: (?:NAME=VALUE|[A-Za-z|]+)(?:=(\S+)| (\[\S*\]))?(?: REQUIRED| \.\.\.)?)?(?: +(.*))?$", line)
        if found and found.group(1) != "--help":
            flags[found.group(1)] = ((found.group(2) or found.group(3) or "").strip("[]"), found.group(4) or "")
    return flags


class Page:
    """docs/cli.md by headings."""

    def __init__(self):
        text = (kexp_test.ROOT / "docs/cli.md").read_text()
        parts = re.split(r"(?m)^#{2,4} (.*)$", text)
        self.sections = dict(zip(parts[1::2], parts[2::2]))

    def rows(self, heading):
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in self.sections[heading].splitlines()
                if line.startswith("| `")]

    def defaults(self, heading):
        """{"--flag": default cell's word or None} of a section's table; where a row has one default for each flag, they pair."""
        found = {}
        for names, default, _ in self.rows(heading):
            flags = re.findall(r"`(--[a-z-]+)`", names)
            values = re.findall(r"`([^`]*)`", default)
            for i, flag in enumerate(flags):
                found[flag] = values[i] if len(values) == len(flags) else None
        return found

    def also(self, heading):
        """Shared flags that a section names outside its table."""
        line = " ".join(line for line in self.sections[heading].splitlines() if not line.startswith("|"))
        named = re.findall(r"(?:Also|take) ([^.:]*)", line)
        return {flag.replace("-X", "--property") for words in named for flag in re.findall(r"`(--?[A-Za-z-]+)`", words)}


class CliPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = Page()
        cls.help = {command: help_of(command) for command in COMMANDS}

    def headings(self, command):
        """The sections about a command: those of topics have flags in common."""
        shared = ["`kexp topics`"] if command.startswith("topics ") else []
        return [*shared, f"`kexp {command}`"]

    def test_every_flag_is_documented_and_every_documented_flag_exists(self):
        for command in COMMANDS:
            with self.subTest(command):
                documented = set()
                for heading in self.headings(command):
                    documented |= set(self.page.defaults(heading)) | self.page.also(heading)
                self.assertEqual(documented, set(self.help[command]))

    def test_shared_flags_are_described_once(self):
        shared = set(self.page.defaults("Flags that several commands share"))
        for command in COMMANDS:
            for heading in self.headings(command):
                self.assertLessEqual(self.page.also(heading), shared, command)
        self.assertEqual(set(self.page.defaults("Flags of every command")), set(help_of("")) - {"--version"})

    def test_defaults_are_those_of_help(self):
        compared = 0
        for command in COMMANDS:
            for heading in self.headings(command):
                for flag, default in self.page.defaults(heading).items():
                    printed = self.help[command][flag][0]
                    if printed:
                        compared += 1
                        self.assertIn(default, (printed, None), f"{command} {flag}")
        self.assertGreater(compared, 30)

    def test_variables_are_those_of_help(self):
        documented = set()
        for variable, sets, commands in self.page.rows("Variables"):
            flag = re.match(r"`(--[a-z-]+)`", sets).group(1)
            for name in re.findall(r"`([a-z]+)`", commands):
                having = [command for command in COMMANDS if command.split()[0] == name and flag in self.help[command]]
                self.assertTrue(having, f"{variable}: no {name} has {flag}")
                documented |= {(command, flag, variable.strip("`")) for command in having}
        printed = {(command, flag, variable) for command, flags in self.help.items() for flag, (_, text) in flags.items()
                   for variable in re.findall(r"\b((?:KAFKA|KEXP|YOLO|PROMETHEUS|VALIDATE)_[A-Z_]+|RESOLUTION)\b", text)}
        self.assertEqual(documented, printed)
        self.assertGreater(len(printed), 15)


if __name__ == "__main__":
    kexp_test.main()
