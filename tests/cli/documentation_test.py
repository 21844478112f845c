"""What the pages quote is what the program says, and what they tell to type does what they say."""

import json
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


class ReadmeTest(unittest.TestCase):
    def test_its_build_is_of_the_product_alone(self):
        """Where GoogleTest is installed the tests are configured too; who wants a binary does not wait for them."""
        name = re.search(r"cmake --workflow --preset (\w+)", (ROOT / "README.md").read_text())[1]
        presets = json.loads((ROOT / "CMakePresets.json").read_text())
        workflow = next(preset for preset in presets["workflowPresets"] if preset["name"] == name)
        builds = [step["name"] for step in workflow["steps"] if step["type"] == "build"]
        targets = [preset.get("targets") for preset in presets["buildPresets"] if preset["name"] in builds]
        self.assertEqual(targets, [["kexp_product"]])


if __name__ == "__main__":
    kexp_test.main()
