"""scripts/bootstrap.sh, and what fetches jars and programs."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))  # to be run without ctest, too
import kexp_test  # noqa: E402
from kexp_test.sockets import listeners  # noqa: E402



def bootstrap(*args):
    return kexp_test.run(args, program=kexp_test.ROOT / "scripts/bootstrap.sh", timeout=900)


class FetchTest(unittest.TestCase):
    def test_two_at_once_fetch_once_and_both_get_it(self):
        with tempfile.TemporaryDirectory() as folder:
            # a pom and an mvn that take their time and bring one file
            for name in ("common.sh", "fetch.sh"):
                shutil.copy(kexp_test.ROOT / "scripts/lib" / name, folder)
            Path(folder, "kafka").mkdir()
            Path(folder, "kafka/jars.sha256").write_text(
                "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603  a.jar\n")  # of "ab"
            mvn = Path(folder, "bin/mvn")
            mvn.parent.mkdir()
            mvn.write_text(f'#!/bin/sh\necho run >>{folder}/runs\nfor a; do case $a in -DoutputDirectory=*) out=${{a#*=}};; esac; done\n'
                           'mkdir -p "$out"; sleep 0.5; printf ab >"$out/a.jar"\n')
            mvn.chmod(0o755)
            env = {"XDG_CACHE_HOME": f"{folder}/cache", "PATH": f"{folder}/bin:{os.environ['PATH']}"}
            with kexp_test.Process(["kafka"], program=f"{folder}/fetch.sh", env=env) as one, \
                    kexp_test.Process(["kafka"], program=f"{folder}/fetch.sh", env=env) as two:
                self.assertEqual((one.wait(), two.wait()), (0, 0), one.output() + two.output())
                self.assertEqual(one.stdout, two.stdout)
                self.assertEqual(os.listdir(f"{one.stdout.strip()}/libs"), ["a.jar"])
            self.assertEqual(Path(folder, "runs").read_text(), "run\n")

            # a jar that is not the one we know is not used, and leaves nothing behind
            shutil.rmtree(f"{folder}/cache")
            mvn.write_text(mvn.read_text().replace("printf ab", "printf other"))
            done = kexp_test.run(["kafka"], program=f"{folder}/fetch.sh", env=env)
            self.assertEqual(done.returncode, 1)
            self.assertIn("differs from", done.stderr)
            self.assertEqual([name for name in os.listdir(f"{folder}/cache/kexp") if not name.endswith(".lock")], [])


class BootstrapTest(unittest.TestCase):
    def test_lists_its_packages(self):
        done = bootstrap("--tests", "--dev", "--print")
        self.assertEqual(done.returncode, 0)
        packages = done.stdout.split()
        self.assertEqual(packages, sorted(set(packages)))
        self.assertLess({"g++", "librdkafka-dev", "libgtest-dev", "clang-tidy-14"}, set(packages))
        self.assertNotIn("prometheus", packages)

    def test_an_unknown_option_is_a_usage_error(self):
        self.assertEqual(bootstrap("--test").returncode, 2)

    def test_leaves_nothing_enabled_running_or_listening(self):
        packages = bootstrap("--minimal", "--print").stdout.split()
        kexp_test.require(subprocess.run(["dpkg-query", "-W", *packages], capture_output=True, check=False).returncode == 0,
                          "the packages are not all installed, and a test installs nothing")

        def enabled():
            return sorted(glob.glob("/etc/systemd/system/*.wants/*") + glob.glob("/etc/rc?.d/*"))

        before, listening = enabled(), listeners()
        started = time.monotonic()
        done = bootstrap("--minimal")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "bootstrap: ready\n", f"something was to do, {time.monotonic() - started:.1f} s")
        self.assertEqual(enabled(), before)
        # other programs of this machine come and go; Debian's prometheus and node exporter would listen on every address
        self.assertEqual({end for end in listeners() - listening if end.startswith("0000") and end.endswith((":2382", ":238C"))}, set())

        for package in packages:
            files = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True, check=False).stdout.split()
            services = [file for file in files if re.match(r"(/usr)?/lib/systemd/system/|/etc/init\.d/.", file)]
            self.assertEqual(services, [], package)


if __name__ == "__main__":
    kexp_test.main()
