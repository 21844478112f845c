#!/usr/bin/env python3
"""Checks what the build cannot: who may include and link whom.

    scripts/check-ranks.py [TREE]        the source tree, by default the one that this script is in
    scripts/check-ranks.py --self-test   shows that every rule catches its violation

The ranks are the lists KEXP_RANK_<n> of cmake/KexpLibraries.cmake. Each finding is `file:line: rule`;
the exit code is 1 when there is one.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
OURS = re.compile(r"^kexp/([^/]+)/")

# Third parties whose types must not cross our headers; cv::Mat of inference is the exception.
OPENCV = re.compile(r"^opencv")
THIRD_PARTIES = re.compile(
    r"^(opencv|librdkafka/|CLI/|spdlog/|hdf5|H5|curl/|yaml-cpp/|onnx/|prometheus/|httplib\.h|simdjson|snappy"
    r"|google/protobuf/|openssl/|arrow/|parquet/|openvino/|jpeglib\.h|turbojpeg\.h|png\.h)")
# What takes seconds to compile: in a header everybody would pay.
COSTLY = re.compile(r"^(CLI/|spdlog/|kexp/core/json\.hpp$)")
JSON_HEADER = Path("include/kexp/core/json.hpp")  # where its members are not compiled again

FOLDERS = ("include", "src", "apps", "tests")
# Targets of ours that are no libraries of the table.
OTHER_TARGETS = {"build_options", "test_support"}


class Tree:
    """A source tree and what was found in it."""

    def __init__(self, root):
        self.root = Path(root)
        self.findings = []
        self.ranks = {}
        self.cmake_files = []
        self.code = []  # relative paths

    def report(self, file, line, rule):
        self.findings.append(f"{file}:{line}: {rule}")

    def check(self):
        if not self.read_ranks():
            return self.findings
        self.find_files()
        for file in self.code:
            self.check_includes(file)
        for file in self.cmake_files:
            self.check_links(file)
        self.check_listed()
        self.check_folders()
        return sorted(self.findings)

    def read_ranks(self):
        table = Path("cmake/KexpLibraries.cmake")
        text = (self.root / table).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            found = re.match(r"\s*set\(KEXP_RANK_(\d+)\s+([^)]*)\)", line)
            if not found:
                continue
            for library in found[2].split():
                if library in self.ranks:
                    self.report(table, number, f"{library} has two ranks")
                self.ranks[library] = int(found[1])
        if not self.ranks:
            self.report(table, 1, "no list KEXP_RANK_<n> found, each on one line")
        return bool(self.ranks)

    def find_files(self):
        for name in ("CMakeLists.txt",):
            if (self.root / name).exists():
                self.cmake_files.append(Path(name))
        for top in FOLDERS + ("cmake",):
            for folder, folders, files in os.walk(self.root / top):
                folders[:] = sorted(f for f in folders if f not in ("build", "__pycache__"))
                for file in sorted(files):
                    path = (Path(folder) / file).relative_to(self.root)
                    if file == "CMakeLists.txt" or file.endswith(".cmake"):
                        self.cmake_files.append(path)
                    elif file.endswith((".cpp", ".hpp", ".h", ".hh", ".cc")) and top != "cmake":
                        self.code.append(path)

    @staticmethod
    def library_of(file):
        """The library that a file of include/ or src/ belongs to, or that a unit test tests."""
        parts = file.parts
        if parts[0] == "include" and len(parts) > 3 and parts[1] == "kexp":
            return parts[2]
        if parts[0] == "src" and len(parts) > 2:
            return parts[1]
        if parts[:2] == ("tests", "unit") and len(parts) > 3:
            return parts[2]
        return None

    def check_includes(self, file):
        text = (self.root / file).read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                self.check_include(file, number, found[1] == "<", found[2])

    def check_include(self, file, number, angled, target):
        own = self.library_of(file)
        is_header = file.suffix in (".hpp", ".h", ".hh")
        ours = OURS.match(target)
        if target == "regex":
            self.report(file, number, "<regex> is used nowhere (3.4 s to compile, slow, throws on long input)")
        if target == "nlohmann/json.hpp" and file != JSON_HEADER:
            self.report(file, number, f'{target} is included as "kexp/core/json.hpp", which compiles its members once')
        elif is_header and COSTLY.match(target):
            self.report(file, number, f"{target} is included in .cpp files only")
        if file.parts[0] == "include" and THIRD_PARTIES.match(target):
            if not (own == "inference" and OPENCV.match(target)):
                self.report(file, number, f"a third party's header crosses a public header: {target}")
        if not angled and not ours and ".." in Path(target).parts:
            self.report(file, number, f"a private header is included by the files beside it only: {target}")
        if ours:
            if angled:
                self.report(file, number, f'ours is included in quotes: "{target}"')
            self.check_direction(file, number, own, ours[1])

    def check_direction(self, file, number, own, other):
        if other not in self.ranks:
            self.report(file, number, f"kexp/{other} is no library of cmake/KexpLibraries.cmake")
        elif own in self.ranks and own != other and self.ranks[other] >= self.ranks[own]:
            mine = f"{own} (rank {self.ranks[own]})"
            theirs = f"{other} (rank {self.ranks[other]})"
            if file.parts[0] == "tests":
                self.report(file, number, f"a unit test of {mine} includes {theirs}; it may use only what is below")
            else:
                self.report(file, number, f"an include goes down a rank, never up or sideways: {mine} includes {theirs}")

    def cmake_lines(self, file):
        text = (self.root / file).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line.split("#", 1)[0]

    def check_links(self, file):
        if file.parts[0] != "src":
            return
        own = self.library_of(file)
        for number, line in self.cmake_lines(file):
            for other in re.findall(r"\bkexp::(\w+)", line):
                if other in OTHER_TARGETS:
                    continue
                if other not in self.ranks:
                    self.report(file, number, f"kexp::{other} is no library of cmake/KexpLibraries.cmake")
                elif own in self.ranks and own != other and self.ranks[other] >= self.ranks[own]:
                    self.report(file, number,
                                "a link goes down a rank, never up or sideways: "
                                f"{own} (rank {self.ranks[own]}) links {other} (rank {self.ranks[other]})")

    def built_by_a_script(self, file):
        """A library that is preloaded into a test's programs is compiled by the test support that uses it."""
        return any(file.name in script.read_text(encoding="utf-8") for script in (self.root / file.parent).glob("*.py"))

    def check_listed(self):
        """A file that nobody compiles looks like code and tests nothing."""
        listed = set()
        for file in self.cmake_files:
            for _, line in self.cmake_lines(file):
                for word in re.split(r'[\s()"]+', line):
                    if not word.endswith((".cpp", ".cc")):
                        continue
                    word = re.sub(r"^\$\{(PROJECT|CMAKE)_SOURCE_DIR\}/", "/", word)
                    word = re.sub(r"^\$\{CMAKE_CURRENT_(SOURCE|LIST)_DIR\}/", "", word)
                    path = word[1:] if word.startswith("/") else str(file.parent / word)
                    listed.add(os.path.normpath(path))
        for file in self.code:
            if file.suffix in (".cpp", ".cc") and str(file) not in listed and not self.built_by_a_script(file):
                self.report(file, 1, "is listed in no CMakeLists.txt, so nothing compiles it")

    def check_folders(self):
        for top in ("src", "include/kexp"):
            if (self.root / top).is_dir():
                for folder in sorted((self.root / top).iterdir()):
                    if folder.is_dir() and folder.name not in self.ranks:
                        self.report(f"{top}/{folder.name}", 1, "is no library of cmake/KexpLibraries.cmake")


# The self-test: a clean tree, and changes to it that break one rule each.

CLEAN = {
    "cmake/KexpLibraries.cmake":
        "set(KEXP_RANK_0 core)\nset(KEXP_RANK_1 cycle net)\nset(KEXP_RANK_2 kafka inference)\nset(KEXP_RANK_3 feeder)\n",
    "CMakeLists.txt": "add_subdirectory(src)  # kexp::feeder in a comment\n",
    "include/kexp/core/a.hpp": "#pragma once\n#include <nlohmann/json_fwd.hpp>\n#include <string>\n",
    "include/kexp/inference/a.hpp": "#pragma once\n#include <opencv2/core.hpp>\n",
    "src/core/CMakeLists.txt": "kexp_add_library(core SOURCES a.cpp PRIVATE kexp::build_options spdlog::spdlog)\n",
    "src/core/a.cpp": '#include "kexp/core/a.hpp"\n#include <spdlog/spdlog.h>\n#include "kexp/core/json.hpp"\n',
    "include/kexp/core/json.hpp": "#pragma once\n#include <nlohmann/json.hpp>\n",
    "src/kafka/CMakeLists.txt": "kexp_add_library(kafka\n  SOURCES a.cpp sub/b.cpp\n  PUBLIC kexp::core kexp::net)\n",
    "src/kafka/a.cpp": '#include "kexp/core/a.hpp"\n#include "kexp/net/http.hpp"\n#include "b.hpp"\n',
    "src/kafka/sub/b.cpp": "#include <librdkafka/rdkafka.h>\n",
    "apps/kexp/CMakeLists.txt": "add_executable(kexp main.cpp)\n",
    "apps/kexp/main.cpp": '#include <CLI/CLI.hpp>\n#include "kexp/kafka/a.hpp"\n',
    "tests/unit/kafka/CMakeLists.txt": "kexp_add_test(kafka SOURCES a_test.cpp LINK kexp::kafka kexp::test_support)\n",
    "tests/unit/kafka/a_test.cpp":
        '#include "kexp/kafka/a.hpp"\n#include "kexp/net/http.hpp"\n#include "support/temp_dir.hpp"\n',
}

BROKEN = [
    ("include upwards", "src/kafka/a.cpp", '#include "kexp/core/a.hpp"\n#include "kexp/feeder/a.hpp"\n',
     "src/kafka/a.cpp:2: an include goes down a rank"),
    ("include sideways", "src/kafka/a.cpp", '#include "kexp/inference/a.hpp"\n',
     "src/kafka/a.cpp:1: an include goes down a rank"),
    ("public header upwards", "include/kexp/core/a.hpp", '#  include "kexp/cycle/a.hpp"\n',
     "include/kexp/core/a.hpp:1: an include goes down a rank"),
    ("unknown library", "src/kafka/a.cpp", '#include "kexp/kafak/a.hpp"\n', "kexp/kafak is no library"),
    ("unknown library in a command", "apps/kexp/main.cpp", '#include "kexp/fedeer/a.hpp"\n', "kexp/fedeer is no library"),
    ("ours in angle brackets", "src/kafka/a.cpp", "#include <kexp/core/a.hpp>\n", "in quotes"),
    ("another's private header", "src/kafka/a.cpp", '#include "../core/fd.hpp"\n', "a private header"),
    ("link upwards", "src/kafka/CMakeLists.txt",
     "kexp_add_library(kafka\n  SOURCES a.cpp sub/b.cpp\n  PRIVATE kexp::feeder)\n",
     "src/kafka/CMakeLists.txt:3: a link goes down a rank"),
    ("link sideways", "src/kafka/CMakeLists.txt",
     "kexp_add_library(kafka SOURCES a.cpp sub/b.cpp PUBLIC kexp::inference)\n",
     "src/kafka/CMakeLists.txt:1: a link goes down a rank"),
    ("link of nothing", "src/kafka/CMakeLists.txt",
     "kexp_add_library(kafka SOURCES a.cpp sub/b.cpp PUBLIC kexp::nte)\n", "kexp::nte is no library"),
    ("unit test upwards", "tests/unit/kafka/a_test.cpp", '#include "kexp/feeder/a.hpp"\n', "a unit test of kafka (rank 2)"),
    ("unit test sideways", "tests/unit/kafka/a_test.cpp", '#include "kexp/inference/a.hpp"\n', "a unit test of kafka"),
    ("OpenCV in a public header", "include/kexp/core/a.hpp", "#include <opencv2/core.hpp>\n", "a third party's header"),
    ("librdkafka in a public header", "include/kexp/kafka/a.hpp", "#include <librdkafka/rdkafka.h>\n",
     "a third party's header"),
    ("HDF5 in a public header", "include/kexp/core/a.hpp", "#include <hdf5.h>\n", "a third party's header"),
    ("curl in a public header", "include/kexp/net/a.hpp", "#include <curl/curl.h>\n", "a third party's header"),
    ("yaml-cpp in a public header", "include/kexp/core/a.hpp", "#include <yaml-cpp/yaml.h>\n", "a third party's header"),
    ("ONNX in a public header of inference", "include/kexp/inference/a.hpp", "#include <onnx/onnx-ml.pb.h>\n",
     "a third party's header"),
    ("prometheus in a public header", "include/kexp/core/a.hpp", "#include <prometheus/counter.h>\n",
     "a third party's header"),
    ("regex", "apps/kexp/main.cpp", "#include <regex>\n", "<regex> is used nowhere"),
    ("CLI11 in a header", "apps/kexp/cli.hpp", "#include <CLI/CLI.hpp>\n", "CLI/CLI.hpp is included in .cpp files only"),
    ("spdlog in a header", "src/core/a.hpp", "#include <spdlog/logger.h>\n", "in .cpp files only"),
    ("JSON in a header", "tests/support/a.hpp", '#include "kexp/core/json.hpp"\n', "in .cpp files only"),
    ("nlohmann beside our header", "src/kafka/a.cpp", "#include <nlohmann/json.hpp>\n", 'is included as "kexp/core/json.hpp"'),
    ("source that nobody compiles", "src/core/lost.cpp", "int lost;\n", "src/core/lost.cpp:1: is listed in no"),
    ("test that nobody compiles", "tests/unit/kafka/lost_test.cpp", "int lost;\n", "lost_test.cpp:1: is listed in no"),
    ("source listed in a comment", "tests/unit/kafka/CMakeLists.txt", "# a_test.cpp\n", "a_test.cpp:1: is listed in no"),
    ("folder without a rank", "src/extra/README", "\n", "src/extra:1: is no library"),
    ("two ranks", "cmake/KexpLibraries.cmake", CLEAN["cmake/KexpLibraries.cmake"] + "set(KEXP_RANK_4 core)\n",
     "core has two ranks"),
    ("table without ranks", "cmake/KexpLibraries.cmake", "set(LIBRARIES core)\n", "no list KEXP_RANK_"),
]


def findings_of(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Tree(folder).check()


def self_test():
    failed = []
    found = findings_of(CLEAN)
    if found:
        failed.append(f"the clean tree: {found}")
    for name, file, text, wanted in BROKEN:
        found = findings_of({**CLEAN, file: text})
        if not any(wanted in finding for finding in found):
            failed.append(f"{name}: wanted \"{wanted}\", found {found}")
        elif len(found) != 1 and wanted != "core has two ranks":
            failed.append(f"{name}: more than one finding: {found}")
    for line in failed:
        print(f"check-ranks: self-test: {line}", file=sys.stderr)
    if not failed:
        print(f"check-ranks: self-test: {len(BROKEN)} violations caught")
    return 1 if failed else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    tree = Tree(arguments[0] if arguments else Path(__file__).resolve().parent.parent)
    findings = tree.check()
    for finding in findings:
        print(finding)
    if not findings:
        print(f"check-ranks: {len(tree.code)} files, nothing wrong")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
