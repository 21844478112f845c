"""kexp_test itself, where it would otherwise fail silently."""

import os
import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))  # to be run without ctest, too
import kexp_test  # noqa: E402


class TestSupportTest(unittest.TestCase):
    def program(self, body):
        """A test program in a folder of its own, as a Process."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        Path(folder, "some_test.py").write_text(
            f"import sys, time, unittest\nsys.path.insert(0, {str(kexp_test.ROOT / 'tests/support')!r})\nimport kexp_test\n"
            f"class SomeTest(unittest.TestCase):\n{body}\nkexp_test.main()\n")
        process = kexp_test.Process([f"{folder}/some_test.py"], program=sys.executable)
        self.addCleanup(process.close)
        return process

    def test_exit_codes(self):
        for body, code in (("    def test_a(self): self.skipTest('why')", 77), ("    def test_a(self): self.fail()", 1),
                           ("    def test_a(self): pass\n    def test_b(self): self.skipTest('why')", 0),
                           ("    @classmethod\n    def setUpClass(cls): kexp_test.require(None, 'why')\n    def test_a(self): pass", 77)):
            process = self.program(body)
            self.assertEqual(process.wait(), code, process.output())

    def test_a_killed_test_leaves_no_broker_and_no_process(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            process = self.program(
                "    def test_a(self):\n"
                "        with kexp_test.LocalKafka() as kafka:\n"
                "            child = kexp_test.Process(['1000'], program='sleep')\n"
                "            print('up', kafka.pid, child.pid, kafka.dir, flush=True)\n"
                "            time.sleep(1000)")
            broker, child, folder = process.wait_for_line(r"^up (\d+) (\d+) (\S+)$", timeout=120).groups()
            process.signal(number)
            process.wait(60)
            for pid in (broker, child):
                kexp_test.wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), 60, f"process {pid} to end")
            kexp_test.wait_until(lambda: not os.path.exists(folder), 60, "the broker's folder to go")

    def test_a_process_that_does_not_say_it_fails_with_what_it_said(self):
        with kexp_test.Process(["-c", "echo one; echo two >&2; exec sleep 1000"], program="sh") as process:
            self.assertEqual(process.wait_for_line("^t(.*)$").group(1), "wo")
            process.wait_for_line("^one$", "stdout")
            with self.assertRaisesRegex(AssertionError, "(?s)three.*within 0.2 s.*one.*two"):
                process.wait_for_line("three", timeout=0.2)
            with self.assertRaisesRegex(AssertionError, "did not end"):
                process.wait(0.1)
            self.assertEqual(process.kill(), -signal.SIGKILL)
            with self.assertRaisesRegex(AssertionError, "ended without"):
                process.wait_for_line("three")

    def test_a_developers_settings_do_not_reach_the_program(self):
        settings = {"KAFKA_SERVERS": "elsewhere:1", "KEXP_SD_DIR": "/nowhere", "POD_IP": "1.2.3.4"}
        saved = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(saved)))
        os.environ.update(settings)
        done = kexp_test.run([], program="env", env={"YOLO_MODEL": "kept"})
        self.assertIn("YOLO_MODEL=kept\n", done.stdout)
        for name in settings:
            self.assertNotIn(f"{name}=", done.stdout)


if __name__ == "__main__":
    kexp_test.main()
