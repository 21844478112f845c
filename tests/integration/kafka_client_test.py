"""Runs kafka_client (C++) against a broker of its own."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test


class KafkaClientTest(unittest.TestCase):
    def test_clients_against_a_real_broker(self):
        program = os.environ["KEXP_KAFKA_CLIENT"]
        with kexp_test.LocalKafka() as kafka:
            env = kexp_test.clean_environment({"KAFKA_SERVERS": kafka.servers})
            done = subprocess.run([program, "--gtest_brief=1"], env=env, timeout=240, check=False)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    kexp_test.main()
