"""What the pages of docs/ quote is what the program says."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

ROOT = Path(__file__).resolve().parents[2]


def sources():
    """All C++ as one text: literals that stand in a row are joined, and every {} is an …"""
    text = "\n".join(file.read_text() for folder in ("src", "apps") for file in sorted((ROOT / folder).rglob("*.cpp")))
    return re.sub(r"\{[^{}\n]*\}", "…", re.sub(r'"\s*"', "", text))


class OperationsTest(unittest.TestCase):
    def test_the_messages_that_it_explains_are_those_of_the_program(self):
        section = (ROOT / "docs" / "operations.md").read_text().split("## When something does not work")[1].split("\n## ")[0]
        seen = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
        quotes = [quote for cell in seen for quote in re.findall(r"`([^`]+)`", cell)]
        self.assertTrue(quotes)
        program = sources()
        self.assertEqual([quote for quote in quotes if quote not in program], [])


if __name__ == "__main__":
    kexp_test.main()
