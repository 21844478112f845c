"""KEXP_COMPONENTS: what a binary of some commands is made of, as CMake configures it. That it builds and works: tests/fault/consumer_image_test.py."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

TABLE = (kexp_test.ROOT / "cmake/KexpComponents.cmake").read_text()
COMMON = set(re.search(r"KEXP_COMMON_LIBRARIES ([^)]*)", TABLE)[1].split())


def rows():
    """{component: its libraries} of the table."""
    return {name: set(libraries.split()) for name, libraries in re.findall(r"set\(KEXP_COMPONENT_(\w+)([^)]*)\)", TABLE)}


def links(library):
    """The libraries of ours that a library links."""
    text = (kexp_test.ROOT / "src" / library / "CMakeLists.txt").read_text()
    return set(re.findall(r"\bkexp::(\w+)", text)) - {library, "build_options"}


def included(file):
    """The libraries of ours whose headers a file of a command includes."""
    return set(re.findall(r'#include "kexp/(\w+)/', file.read_text()))


def closure(libraries):
    known = set()
    while libraries - known:
        library = (libraries - known).pop()
        known.add(library)
        libraries = libraries | links(library)
    return known


class TableTest(unittest.TestCase):
    def test_every_command_has_a_row(self):
        commands = {file.stem.split("_")[0] for file in (kexp_test.ROOT / "apps/kexp/commands").glob("*.cpp")}
        self.assertEqual(set(rows()), commands)
        self.assertEqual(set(re.search(r"KEXP_ALL_COMPONENTS ([^)]*)", TABLE)[1].split()), commands)

    def test_a_row_names_every_library_that_its_command_needs(self):
        for component, libraries in rows().items():
            with self.subTest(component):
                files = (kexp_test.ROOT / "apps/kexp/commands").glob(f"{component}*.cpp")
                needed = closure(set().union(*map(included, files)) | COMMON) - COMMON
                self.assertEqual(libraries, needed)


class ConfigureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = Path(folder.name)

    def configure(self, *settings):
        return kexp_test.run(["-S", kexp_test.ROOT, "-B", self.build, "-G", "Ninja", *settings], program="cmake", timeout=90)

    def binary(self):
        """(the commands' objects, the libraries of ours, the other libraries) of the link of bin/kexp."""
        text = (self.build / "build.ninja").read_text()
        link = re.search(r"(?ms)^build bin/kexp: .*?\n\n", text)[0]
        objects = set(re.findall(r"apps/kexp/CMakeFiles/kexp\.dir/commands/(\w+)\.cpp\.o", link.splitlines()[0]))
        linked = re.search(r"LINK_LIBRARIES = (.*)", link)[1].split()
        ours = {re.search(r"libkexp_(\w+)\.a", word)[1] for word in linked if "libkexp_" in word}
        return objects, ours, [word for word in linked if "libkexp_" not in word]

    def test_the_pod_s_binary_has_what_a_pod_needs(self):
        done = self.configure("-DKEXP_COMPONENTS=consume")
        self.assertEqual(done.returncode, 0, done.stderr)
        objects, ours, others = self.binary()
        self.assertEqual(objects, {"consume", "model"})
        self.assertEqual(ours, COMMON | rows()["consume"])
        for library in ("hdf5", "curl", "simdjson", "arrow", "videoio"):
            self.assertFalse([word for word in others if library in word], library)
        self.assertTrue([word for word in others if "opencv_dnn" in word])

        several = self.configure("-DKEXP_COMPONENTS=topics;extract")
        self.assertEqual(several.returncode, 0, several.stderr)
        objects, ours, others = self.binary()
        self.assertEqual({name.split("_")[0] for name in objects}, {"topics", "extract"})
        self.assertEqual(ours, COMMON | rows()["extract"])
        self.assertTrue([word for word in others if "curl" in word])

    def test_a_choice_that_cannot_be_is_refused(self):
        for settings, words in ((["-DKEXP_COMPONENTS=consume;trak"], ('no component "trak"', "topics track")),
                                (["-DKEXP_COMPONENTS="], ("KEXP_COMPONENTS is empty", "topics track")),
                                (["-DKEXP_COMPONENTS=consume", "-DKEXP_TESTS=ON"], ("KEXP_TESTS needs KEXP_COMPONENTS=all",))):
            with self.subTest(settings):
                done = self.configure(*settings)
                self.assertEqual(done.returncode, 1)
                text = " ".join(done.stderr.split())  # cmake breaks lines
                for word in words:
                    self.assertIn(word, text)


if __name__ == "__main__":
    kexp_test.main()
