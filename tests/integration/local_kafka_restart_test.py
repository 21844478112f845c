"""scripts/local-kafka.sh after a kill, a crash, a reset and an interrupt."""

import os
import signal
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))  # to be run without ctest, too
import kexp_test  # noqa: E402
from kexp_test.kcat import kcat  # noqa: E402

KAFKA = kexp_test.ROOT / "scripts/local-kafka.sh"


class LocalKafkaRestartTest(unittest.TestCase):
    def test_a_killed_broker_comes_back_with_its_data(self):
        with kexp_test.LocalKafka() as kafka:
            servers = kafka.servers
            kafka.create_topic("kept")
            kcat(servers, "-P", "-t", "kept", stdin=b"one\ntwo\n")
            # Its pid file names nobody, and after a crash of the machine perhaps a stranger, such as us.
            for stale in (None, os.getpid()):
                kafka.kill()
                if stale:
                    Path(kafka.dir, "kafka.pid").write_text(str(stale))
                self.assertEqual(kafka.command("status").returncode, 3)
                said = kafka.start()
                self.assertIn("stale", said)
                self.assertEqual(kafka.servers, servers)
                self.assertEqual(kcat(servers, "-C", "-t", "kept", "-e", "-q"), b"one\ntwo\n")

            self.assertEqual(kafka.command("reset", "--yes").returncode, 0)
            self.assertNotIn(b"kept", kcat(servers, "-L"))

            kafka.stop()
            self.assertEqual(kafka.command("status").returncode, 3)
            self.assertEqual(kafka.command("stop").returncode, 0)

    def test_an_interrupted_start_leaves_nothing_running(self):
        with tempfile.TemporaryDirectory() as folder:
            with kexp_test.Process(["start", "--dir", folder, "--port", "0"], program=KAFKA) as starting:
                pid_file = Path(folder, "kafka.pid")
                kexp_test.wait_until(lambda: pid_file.exists() and pid_file.read_text().strip(), 60, "the broker's process")
                pid = int(pid_file.read_text())
                starting.signal(signal.SIGTERM)
                starting.wait()
            kexp_test.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 60, "the broker to end")


if __name__ == "__main__":
    kexp_test.main()
